using System.Text;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.OpenFlow.Text;

/// <summary>A match in ovs-ofctl's notation: <c>tcp,in_port=1,nw_dst=10.0.0.0/8,tp_dst=80</c>.</summary>
/// <remarks>
/// Reading accepts the specification's names, Open vSwitch's names and OpenFlow 1.0's; printing uses Open vSwitch's words
/// and order. Fields that Open vSwitch lacks keep the specification's name: pbb_isid and ipv6_exthdr. Port numbers in a
/// match are OpenFlow's: LOCAL is OFPP_LOCAL, 0xfffffffe.
/// </remarks>
public static class MatchText
{
    /// <summary>The match; empty when it matches everything.</summary>
    /// <param name="match">What to print.</param>
    /// <param name="ports">Names for ports, or null.</param>
    public static string Print(Match match, PortNames? ports = null)
    {
        StringBuilder text = new();
        KeyPrinter.Append(text, match.Value, match.Mask, ports);
        return text.ToString();
    }

    /// <summary>Reads a match.</summary>
    /// <param name="text">Comma-separated words; empty matches everything.</param>
    /// <param name="ports">Looks up names of ports, or null.</param>
    /// <param name="notes">
    /// Null: a field whose prerequisites are not matched is an error. Otherwise it is left out, as ovs-ofctl does, and a
    /// line that says so is added.
    /// </param>
    /// <exception cref="FlowSyntaxException">The text is wrong.</exception>
    public static Match Parse(string text, PortNames? ports = null, ICollection<string>? notes = null)
    {
        KeyBuilder builder = new(ports, wholeKey: false);
        WordReader words = new(text);
        while (words.Read(out Word word))
        {
            if (!builder.TryAdd(word))
            {
                throw word.Error($"unknown match field {word.Key}");
            }
        }

        return builder.ToMatch(notes);
    }
}
