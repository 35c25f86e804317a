namespace OvsBridge.OpenFlow.Tests.Text;

/// <summary>Commands of ovs-ofctl's kind with something changed at random.</summary>
internal static class Mutated
{
    private const string Characters = "0123456789abcdefxg:=/,()*->[]\" .";

    private static readonly (string Command, string Argument)[] _commands =
    [
        .. File.ReadLines(Path.Combine(TestContext.CurrentContext.TestDirectory, "Text", "flows.txt"))
            .Where(l => l.StartsWith("= ", StringComparison.Ordinal) || l.StartsWith("! ", StringComparison.Ordinal))
            .Select(l => ("add-flow", l[2..])),
        ("del-flows", "cookie=0x5/0xf,out_port=2,out_group=3,table=4,tcp,tp_dst=80"),
        ("add-group", "group_id=1,type=select,bucket=weight:10,actions=output:1,bucket=weight:5,set_field:1.2.3.4->ip_dst,output:2"),
        ("add-group", "group_id=1,type=ff,bucket=watch_port:1,actions=output:1,bucket=watch_port:2,watch_group:5,output:2,controller"),
        ("add-meter", "meter=1,kbps,burst,stats,bands=type=drop,rate=100,burst_size=10"),
        ("mod-meter", "meter=3 pktps band=type=dscp_remark rate=100 prec_level=1 type=drop rate=200"),
    ];

    public static (string Command, string Argument) Command(Random random)
    {
        // half of the time one of the few that are no flows
        (string command, string argument) = _commands[random.Next(2) == 0 ? random.Next(_commands.Length) : _commands.Length - 1 - random.Next(5)];
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            argument = Change(random, argument);
        }

        return (command, argument);
    }

    private static string Change(Random random, string text)
    {
        int at = random.Next(text.Length + 1);
        string character = Characters[random.Next(Characters.Length)].ToString();
        switch (random.Next(4))
        {
            case 0:
                return text.Insert(at, character);
            case 1 when at < text.Length:
                return text.Remove(at, 1);
            case 2 when at < text.Length:
                return text.Remove(at, 1).Insert(at, character);
            default:
                string other = _commands[random.Next(_commands.Length)].Argument;
                return text[..at] + other[random.Next(other.Length)..];
        }
    }
}
