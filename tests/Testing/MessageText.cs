using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Testing;

/// <summary>
/// Any OpenFlow record as one line, for comparing whole messages and for reading what differs. Properties at their type's
/// zero are left out; bytes are hex; a match shows its fields. Two messages with the same line are the same message.
/// </summary>
internal static class MessageText
{
    private static readonly Dictionary<Type, PropertyInfo[]> _properties = [];

    public static string Of(object message)
    {
        var text = new StringBuilder();
        Append(text, message);
        return text.ToString();
    }

    private static void Append(StringBuilder text, object? value)
    {
        switch (value)
        {
            case null:
                text.Append("null");
                break;
            case string s:
                text.Append('"').Append(s).Append('"');
                break;
            case Enum or bool or Field:
                text.Append(value.ToString()!.Replace(", ", "|", StringComparison.Ordinal));
                break;
            case byte or ushort:
                text.Append(CultureInfo.InvariantCulture, $"{value}");
                break;
            case uint n:
                text.Append(n < 0x10000 ? n.ToString(CultureInfo.InvariantCulture) : $"0x{n:x}");
                break;
            case ulong n:
                text.Append(n < 0x10000 ? n.ToString(CultureInfo.InvariantCulture) : $"0x{n:x}");
                break;
            case UInt128 n:
                text.Append(CultureInfo.InvariantCulture, $"0x{n:x}");
                break;
            case ReadOnlyMemory<byte> bytes:
                text.Append(Convert.ToHexStringLower(bytes.Span));
                break;
            case IEnumerable<byte> bytes:
                text.Append(Convert.ToHexStringLower([.. bytes]));
                break;
            case Match match:
                AppendMatch(text, match);
                break;
            case IEnumerable list:
                AppendList(text, list);
                break;
            default:
                AppendRecord(text, value);
                break;
        }
    }

    private static void AppendRecord(StringBuilder text, object record)
    {
        Type type = record.GetType();
        PropertyInfo[] properties;
        lock (_properties)
        {
            if (!_properties.TryGetValue(type, out properties!))
            {
                // a record's own properties first, then what it inherits (Xid); computed ones can't be written
                properties = [.. type.GetProperties().Where(p => p.CanWrite).OrderBy(p => p.DeclaringType != type)];
                _properties.Add(type, properties);
            }
        }

        text.Append(type.Name);
        string separator = "(";
        foreach (PropertyInfo property in properties)
        {
            object? value = property.GetValue(record);
            if (IsZero(value))
                continue;
            text.Append(separator).Append(property.Name).Append('=');
            Append(text, value);
            separator = ", ";
        }

        if (separator == ", ")
            text.Append(')');
    }

    private static bool IsZero(object? value) => value switch
    {
        null or "" => true,
        ReadOnlyMemory<byte> bytes => bytes.IsEmpty,
        Match match => match.Mask == default && match.Oxm.IsEmpty,
        IEnumerable list => !list.GetEnumerator().MoveNext(),
        ValueType => value.Equals(Activator.CreateInstance(value.GetType())),
        _ => false,
    };

    private static void AppendList(StringBuilder text, IEnumerable list)
    {
        string separator = "";
        text.Append('[');
        foreach (object item in list)
        {
            text.Append(separator);
            Append(text, item);
            separator = "; ";
        }

        text.Append(']');
    }

    private static void AppendMatch(StringBuilder text, Match match)
    {
        var known = new ProtocolState(match.Value, match.Mask);
        FlowKey left = match.Mask;
        string separator = "";
        text.Append('{');
        foreach (Field field in FieldTable.All)
        {
            UInt128 mask = field.Get(left);
            if (mask == 0 || !known.Meets(field.Needs))
                continue;
            field.Set(ref left, 0);
            text.Append(CultureInfo.InvariantCulture, $"{separator}{field.Name}=0x{field.Get(match.Value):x}");
            if (mask != field.AllOnes)
                text.Append(CultureInfo.InvariantCulture, $"/0x{mask:x}");
            separator = ",";
        }

        if (left != default)
            text.Append(separator).Append("rest=").Append(Convert.ToHexStringLower(left.AsBytes()));
        text.Append('}');
    }
}
