using System.Reflection;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Tests.Packets;

/// <summary>Prints the fields of a key that are not zero, one a line, to read differences by.</summary>
internal static class KeyText
{
    private static readonly FieldInfo[] _fields = typeof(FlowKey).GetFields(BindingFlags.Public | BindingFlags.Instance);

    public static string Of(FlowKey key)
    {
        object boxed = key;
        return string.Join('\n', _fields
            .Where(field => !field.FieldType.Name.StartsWith('<'))
            .Select(field => (field.Name, Value: field.GetValue(boxed)!))
            .Where(pair => !pair.Value.Equals(Activator.CreateInstance(pair.Value.GetType())))
            .Select(pair => $"{pair.Name}={(pair.Value is byte or uint or ulong ? $"0x{pair.Value:x}" : pair.Value)}"));
    }
}
