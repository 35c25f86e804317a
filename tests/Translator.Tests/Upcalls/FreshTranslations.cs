using OvsBridge.Datapath;
using OvsBridge.Datapath.Text;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;
using OvsBridge.Testing;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Tests.Xlate;
using OvsBridge.Translator.Upcalls;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Tests.Upcalls;

/// <summary>Asserts that the installed megaflows are what a translation of now gives.</summary>
internal static class FreshTranslations
{
    /// <summary>Checks every megaflow, for its packet and for another that it matches.</summary>
    internal static void Check(Forwarding forwarding, PipelineSnapshot snapshot, RandomPipelines pipelines)
    {
        Xlator xlator = new(forwarding.Environment);
        foreach (Ukey ukey in forwarding.Ukeys)
        {
            if (ukey.Packet.RecircId != 0 && forwarding.Environment.Continuations.Find(ukey.Packet.RecircId) is null)
            {
                continue; // no megaflow sends packets there any more: it idles until it goes
            }

            Check(ukey, ukey.Packet, xlator, snapshot);
            byte[]? other = pipelines.Covered(ukey.Packet, ukey.Mask);
            if (other is not null && ukey.Packet.RecircId == 0)
            {
                _ = PacketParser.TryParse(other, ukey.Packet.InPort, out FlowKey key);
                Check(ukey, key, xlator, snapshot);
            }
        }
    }

    private static void Check(Ukey ukey, in FlowKey key, Xlator xlator, PipelineSnapshot snapshot)
    {
        XlateResult fresh = xlator.Translate(snapshot, key);
        Assert.That(
            DpActionsText.Print(ukey.Result.Installed),
            Is.EqualTo(DpActionsText.Print(fresh.Installed)),
            $"{FlowKeyText.PrintMegaflow(ukey.Packet, ukey.Mask)} for {FlowKeyText.Print(key)}");
        Assert.That(
            ukey.Result.Credits.Stats.SequenceEqual(fresh.Credits.Stats),
            () => $"counted in {Names(ukey.Result, snapshot)}, not in {Names(fresh, snapshot)}: {FlowKeyText.PrintMegaflow(ukey.Packet, ukey.Mask)}");
    }

    private static string Names(XlateResult result, PipelineSnapshot snapshot)
    {
        List<string> names = [];
        foreach (RuleStats stats in result.Credits.Stats)
        {
            string? rule = snapshot.Rules().Where(r => r.Stats == stats).Select(r => $"table {r.TableId} priority {r.Priority}").FirstOrDefault();
            names.Add(rule ?? snapshot.Groups.Values.Where(g => g.Stats == stats || g.BucketStats.Contains(stats)).Select(g => $"group {g.GroupId}").FirstOrDefault() ?? "gone");
        }

        return string.Join(", ", names);
    }
}
