namespace OvsBridge.Translator.Xlate;

/// <summary>Why packets of a megaflow come to user space, for people and programs.</summary>
/// <param name="Name">As in <c>slow_path(NAME)</c> of dpctl/dump-flows -m, and in JSON.</param>
/// <param name="Text">As in ofproto/trace.</param>
public sealed record SlowPathReason(string Name, string Text)
{
    private static readonly (SlowPathReasons Bit, SlowPathReason Words)[] _all =
    [
        (SlowPathReasons.Action, new("action", "the datapath lacks an action")),
        (SlowPathReasons.TooManyActions, new("too_many_actions", "there are more actions than the datapath runs")),
        (SlowPathReasons.Reparse, new("reparse", "a header has to be parsed again in the middle")),
        (SlowPathReasons.Controller, new("controller", "the packet is for a controller")),
    ];

    /// <summary>The reasons in a set, in order.</summary>
    internal static IEnumerable<SlowPathReason> Of(SlowPathReasons reasons) => _all.Where(row => (reasons & row.Bit) != 0).Select(row => row.Words);
}
