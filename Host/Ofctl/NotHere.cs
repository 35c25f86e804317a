namespace OvsBridge.Host.Ofctl;

/// <summary>Commands of ovs-ofctl that need what OpenFlow 1.3 does not have: each says so.</summary>
internal static class NotHere
{
    /// <summary>A command that another version of OpenFlow brought.</summary>
    public static Action<OfctlSession, string[]> Later(string version) => (_, _) =>
        throw new OfctlException($"dump-table-desc needs OpenFlow {version} or later, which is not spoken here");

    /// <summary>A command that is made of Nicira's messages.</summary>
    public static void Nicira(OfctlSession session, string[] arguments) =>
        throw new OfctlException("this command consists of Nicira's messages, which are not spoken here; Open vSwitch's own ovs-ofctl has it");

    /// <summary>insert-buckets and remove-buckets.</summary>
    public static void Buckets(OfctlSession session, string[] arguments) =>
        throw new OfctlException("single buckets can be changed from OpenFlow 1.5 on, which is not spoken here: use mod-group with all buckets");
}
