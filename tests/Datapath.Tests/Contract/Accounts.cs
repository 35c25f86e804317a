namespace OvsBridge.Datapath.Tests.Contract;

/// <summary>The two sums of <see cref="DatapathStats"/>: no packet ends nowhere, and none twice.</summary>
internal static class Accounts
{
    /// <summary>What is wrong with the sums; null: nothing.</summary>
    public static string? Problem(DatapathStats stats)
    {
        ulong dropped = 0;
        foreach (ulong count in stats.Drops)
        {
            dropped += count;
        }

        ulong came = stats.Rx + stats.Executed + stats.Copies, ended = stats.Tx + stats.Sent + stats.Upcalls + stats.Raised + stats.Consumed + dropped;
        ulong looked = stats.Rx + stats.Recirculated, answered = stats.Hit + stats.Miss + stats.Unparsed;
        return came == ended && looked == answered ? null : $"{came} packets and copies, {ended} ends; {looked} to look up, {answered} answers: {stats}";
    }

    /// <summary>Waits until what is under way has ended, and the sums are right.</summary>
    public static void Balance(IDatapath datapath)
    {
        string? problem = null;
        Assert.That(() => problem = Problem(datapath.ReadDatapathStats()), Is.Null.After(30_000, 10), () => problem ?? "");
    }
}
