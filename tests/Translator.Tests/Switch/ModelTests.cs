using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.Testing;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Tests.Switch;

/// <summary>Random changes against a model that is a plain list and loops over it.</summary>
[TestFixture]
public sealed class ModelTests : SwitchFixture
{
    private static readonly string[] _matches =
        ["", "in_port=1", "in_port=2", "ip", "tcp", "udp", "ip,nw_dst=10.0.0.0/8", "ip,nw_dst=10.1.0.0/16", "tcp,nw_dst=10.1.2.3", "tcp,tp_dst=80", "arp"];

    private static readonly string[] _actions =
        ["drop", "output:1", "output:2,output:3", "write_actions(output:2)", "group:1", "group:2", "write_actions(group:2)", "meter:1,output:1", "goto_table:3"];

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    [TestCase(4)]
    public void Random_changes_leave_the_flows_that_the_model_has(int seed)
    {
        Random random = new(seed);
        List<FlowMod> model = [];
        RestoreGroupsAndMeters();

        for (int step = 0; step < 1500; step++)
        {
            string what = Step(random, model);

            Assert.That(
                Controller.Query<FlowAnswer>(new FlowQuery(FlowFilter.All)).SelectMany(part => part.Flows)
                    .Select(flow => Text(flow.TableId, flow.Priority, flow.Cookie, flow.Match, flow.Instructions)),
                Is.EquivalentTo(model.Select(flow => Text(flow.TableId, flow.Priority, flow.Cookie, flow.Match, flow.Instructions))),
                $"seed {seed}, step {step}: {what}");
            CheckReferences();
        }
    }

    private string Step(Random random, List<FlowMod> model)
    {
        if (random.Next(40) == 0)
        {
            uint group = random.Next(2) == 0 ? GroupMod.AllGroups : (uint)random.Next(1, 3);
            Controller.Succeeds(new GroupMod(GroupModCommand.Delete, GroupType.All, group, []));
            model.RemoveAll(flow => Actions(flow).OfType<GroupAction>().Any(a => group == GroupMod.AllGroups || a.GroupId == group));
            RestoreGroupsAndMeters();
            return $"delete group {group}";
        }

        if (random.Next(40) == 0)
        {
            Controller.Succeeds(new MeterMod(MeterModCommand.Delete, MeterFlags.None, 1, []));
            model.RemoveAll(flow => flow.Instructions.OfType<MeterInstruction>().Any());
            RestoreGroupsAndMeters();
            return "delete meter 1";
        }

        FlowMod text = Flows.Rule($"{_matches[random.Next(_matches.Length)]},actions={_actions[random.Next(_actions.Length)]}".TrimStart(','));
        FlowMod mod = text with
        {
            Command = (FlowModCommand)random.Next(5),
            TableId = (byte)random.Next(3),
            Priority = (ushort)random.Next(3),
            Cookie = (ulong)random.Next(4),
            CookieMask = random.Next(4) == 0 ? 3u : 0,
            Flags = random.Next(4) == 0 ? FlowModFlags.CheckOverlap : FlowModFlags.None,
        };
        if (mod.Command is FlowModCommand.Delete or FlowModCommand.DeleteStrict)
        {
            mod = mod with
            {
                TableId = random.Next(8) == 0 ? FlowMod.AllTables : mod.TableId,
                OutPort = random.Next(3) == 0 ? (uint)random.Next(1, 4) : OfPorts.Any,
                OutGroup = random.Next(4) == 0 ? (uint)random.Next(1, 3) : GroupMod.AnyGroup,
            };
        }

        if (Model(model, mod))
            Controller.Succeeds(mod);
        else
            Controller.Fails(mod, OfError.FlowModFailedOverlap);
        return MessageText.Of(mod);
    }

    /// <summary>The specification's words as loops.</summary>
    private static bool Model(List<FlowMod> flows, FlowMod mod)
    {
        bool strict = mod.Command is FlowModCommand.ModifyStrict or FlowModCommand.DeleteStrict;
        bool Same(FlowMod flow) => flow.TableId == mod.TableId && flow.Priority == mod.Priority && flow.Match.Equals(mod.Match);
        bool Described(FlowMod flow) =>
            (mod.TableId == FlowMod.AllTables || mod.TableId == flow.TableId)
            && ((flow.Cookie ^ mod.Cookie) & mod.CookieMask) == 0
            && (strict ? flow.Priority == mod.Priority && flow.Match.Equals(mod.Match) : mod.Match.Covers(flow.Match));

        switch (mod.Command)
        {
            case FlowModCommand.Add:
                bool overlap = flows.Any(flow => flow.TableId == mod.TableId && flow.Priority == mod.Priority && flow.Match.Overlaps(mod.Match));
                if (overlap && mod.Flags.HasFlag(FlowModFlags.CheckOverlap))
                    return false;
                flows.RemoveAll(Same);
                flows.Add(mod);
                break;
            case FlowModCommand.Modify or FlowModCommand.ModifyStrict:
                for (int i = 0; i < flows.Count; i++)
                {
                    if (Described(flows[i]))
                        flows[i] = flows[i] with { Instructions = mod.Instructions };
                }

                break;
            default:
                flows.RemoveAll(flow => Described(flow)
                    && (mod.OutPort == OfPorts.Any || Actions(flow).OfType<OutputAction>().Any(a => a.Port == mod.OutPort))
                    && (mod.OutGroup == GroupMod.AnyGroup || Actions(flow).OfType<GroupAction>().Any(a => a.GroupId == mod.OutGroup)));
                break;
        }

        return true;
    }

    private static IEnumerable<OfAction> Actions(FlowMod flow) => flow.Instructions.SelectMany(instruction => instruction switch
    {
        ApplyActionsInstruction apply => apply.Actions,
        WriteActionsInstruction write => write.Actions,
        _ => default(IEnumerable<OfAction>) ?? [],
    });

    private static string Text(byte table, ushort priority, ulong cookie, OpenFlow.Fields.Match match, ValueList<OfInstruction> instructions) =>
        MessageText.Of(new FlowStatsEntry { TableId = table, Priority = priority, Cookie = cookie, Match = match, Instructions = instructions });

    private void RestoreGroupsAndMeters()
    {
        PipelineSnapshot snapshot = Switch.Snapshot;
        for (uint group = 1; group <= 2; group++)
        {
            if (!snapshot.Groups.ContainsKey(group))
                Controller.Succeeds(new GroupMod(GroupModCommand.Add, GroupType.All, group, []));
        }

        if (!snapshot.Meters.ContainsKey(1))
            Controller.Succeeds(new MeterMod(MeterModCommand.Add, MeterFlags.Kbps, 1, []));
    }

    /// <summary>Reference counts, which are kept with each change, against a count of what is there.</summary>
    private void CheckReferences()
    {
        List<Rule> rules = [.. Switch.Snapshot.Tables.SelectMany(table => table.Rules)];
        foreach (GroupStatsEntry group in Controller.QueryOne<GroupAnswer>(new GroupQuery(GroupMod.AllGroups)).Groups)
        {
            Assert.That(group.RefCount, Is.EqualTo(rules.Count(rule => Translator.Switch.RuleQueries.UsesGroup(rule, group.GroupId))));
        }

        MeterStatsEntry meter = Controller.QueryOne<MeterAnswer>(new MeterQuery(1)).Meters.Single();
        Assert.That(meter.FlowCount, Is.EqualTo(rules.Count(rule => rule.Instructions.OfType<MeterInstruction>().Any())));
    }
}
