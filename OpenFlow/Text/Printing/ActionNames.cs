using System.Text;

namespace OvsBridge.OpenFlow.Text;

/// <summary>The words for actions and instructions in lists of abilities, in Open vSwitch's order; those that it lacks are not told, as there.</summary>
internal static class ActionNames
{
    // ofp_action_type, word
    private static readonly (int Type, string Word)[] _actions =
    [
        (0, "output"), (22, "group"), (25, "set_field"), (18, "strip_vlan"), (17, "push_vlan"), (23, "mod_nw_ttl"), (24, "dec_ttl"),
        (15, "set_mpls_ttl"), (16, "dec_mpls_ttl"), (19, "push_mpls"), (20, "pop_mpls"), (21, "set_queue"),
    ];

    // ofp_instruction_type, word
    private static readonly (int Type, string Word)[] _instructions =
        [(6, "meter"), (4, "apply_actions"), (5, "clear_actions"), (3, "write_actions"), (2, "write_metadata"), (1, "goto_table")];

    /// <summary>Appends the actions whose bits are set, or &lt;none&gt;.</summary>
    public static void Append(StringBuilder text, uint actions) => Append(text, actions, _actions);

    /// <summary>Appends the instructions whose bits are set, or &lt;none&gt;.</summary>
    public static void AppendInstructions(StringBuilder text, uint instructions) => Append(text, instructions, _instructions);

    private static void Append(StringBuilder text, uint bits, ReadOnlySpan<(int Type, string Word)> words)
    {
        int start = text.Length;
        foreach ((int type, string word) in words)
        {
            if ((bits >> type & 1) != 0)
                text.Append(text.Length > start ? " " : "").Append(word);
        }

        if (text.Length == start)
            text.Append("<none>");
    }
}
