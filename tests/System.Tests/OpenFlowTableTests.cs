using System.Reflection;
using System.Text.RegularExpressions;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Testing;
using Match = System.Text.RegularExpressions.Match;

namespace OvsBridge.SystemTests;

/// <summary>docs/openflow.md says of everything in OpenFlow 1.3.5 what state it is in, and names tests that are there.</summary>
[TestFixture]
public sealed partial class OpenFlowTableTests
{
    private static readonly Type[] _enumerations =
    [
        typeof(FlowModCommand), typeof(FlowModFlags), typeof(FlowRemovedReason), typeof(GroupModCommand), typeof(GroupType), typeof(MeterModCommand),
        typeof(MeterFlags), typeof(MeterBandType), typeof(PacketInReason), typeof(PortReason), typeof(PortConfig), typeof(PortState), typeof(PortFeatures),
        typeof(Capabilities), typeof(FragmentHandling), typeof(ControllerRole), typeof(TableFeatureKind), typeof(BundleControlType), typeof(BundleFlags), typeof(FlowMonitorFlags), typeof(FlowUpdateEvent),
    ];

    private static readonly string[] _reservedPorts =
        ["OFPP_IN_PORT", "OFPP_TABLE", "OFPP_NORMAL", "OFPP_FLOOD", "OFPP_ALL", "OFPP_CONTROLLER", "OFPP_LOCAL", "OFPP_ANY"];

    private static readonly Match[] _rows = [.. Row().Matches(File.ReadAllText(RepositoryRoot.File("docs/openflow.md"))).Cast<Match>()];

    /// <summary>By the name of what it is about.</summary>
    private static HashSet<string> Named => [.. _rows.Select(row => row.Groups["what"].Value)];

    [Test]
    public void Everything_that_the_library_knows_has_a_row() => Assert.That(Expected().Except(Named), Is.Empty);

    [Test]
    public void Nothing_has_two_rows() =>
        Assert.That(_rows.GroupBy(row => row.Groups["what"].Value).Where(rows => rows.Count() > 1).Select(rows => rows.Key), Is.Empty);

    [Test]
    public void Every_enumeration_of_the_protocol_is_looked_at()
    {
        // Those that say how the library works, and those that have a row for each member under another name.
        Type[] others = [typeof(OfType), typeof(MultipartType), typeof(FieldText), typeof(MaskRule), typeof(Prerequisite), typeof(Rewrite), typeof(PacketInFormat)];
        IEnumerable<Type> all = typeof(OfMessage).Assembly.GetExportedTypes()
            .Where(type => type.IsEnum && type.Namespace is { } space && !space.EndsWith(".Endpoint", StringComparison.Ordinal));

        Assert.That(all.Except(others), Is.EquivalentTo(_enumerations));
    }

    [Test]
    public void Every_row_names_a_test_that_exists_or_says_why_there_can_be_none()
    {
        HashSet<string> tests = Tests();
        Assert.Multiple(() =>
        {
            foreach (Match row in _rows)
            {
                string what = row.Groups["what"].Value, state = row.Groups["state"].Value.Trim();
                string[] shown = [.. Code().Matches(row.Groups["tests"].Value).Cast<Match>().Select(code => code.Groups["text"].Value)];
                Assert.That(state, Is.Not.Empty.And.Not.Contain("ignored").And.Not.Contain("TODO"), what);
                if (shown.Length == 0)
                    Assert.That(state, Does.StartWith("never: "), $"{what} names no test");
                foreach (string test in shown)
                {
                    bool exists = test.EndsWith(".hex", StringComparison.Ordinal)
                        ? File.Exists(RepositoryRoot.File("tests/OpenFlow.Tests/Wire/" + test))
                        : tests.Contains(test);
                    Assert.That(exists, Is.True, $"{what}: there is no test {test}");
                }
            }
        });
    }

    private static IEnumerable<string> Expected() =>
    [
        .. MessageTable.All.Select(row => row.Name),
        .. MultipartTable.All.Select(row => row.Name),
        .. FieldTable.All.Take(FieldTable.StandardCount).Select(field => field.Name),
        .. ActionTable.ByNumber.Values.Select(row => "action " + row.Name),
        .. InstructionTable.ByNumber.Values.Select(row => "instruction " + row.Name),
        .. OfError.All.Select(error => error.Name),
        .. _reservedPorts,
        .. _enumerations.SelectMany(type => type.GetFields(BindingFlags.Public | BindingFlags.Static)
            .Where(member => Convert.ToInt64(member.GetRawConstantValue(), null) != 0 || type.GetCustomAttribute<FlagsAttribute>() is null)
            .Select(member => $"{type.Name}.{member.Name}")),
    ];

    /// <summary>"Class.Method" of every test in the sources; the other test assemblies are not loaded here.</summary>
    private static HashSet<string> Tests()
    {
        HashSet<string> names = [];
        foreach (string file in Directory.EnumerateFiles(RepositoryRoot.File("tests"), "*.cs", SearchOption.AllDirectories))
        {
            if (file.Contains("/obj/", StringComparison.Ordinal) || file.Contains("/bin/", StringComparison.Ordinal))
                continue;
            string source = File.ReadAllText(file);
            if (Class().Match(source) is not { Success: true } type)
                continue;
            foreach (Match method in TestMethod().Matches(source))
                names.Add($"{type.Groups["name"].Value}.{method.Groups["name"].Value}");
        }

        return names;
    }

    [GeneratedRegex(@"^\| `(?<what>[^`]+)` \|(?<state>[^|]*)\|(?<tests>[^|]*)\|$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex("`(?<text>[^`]+)`")]
    private static partial Regex Code();

    [GeneratedRegex(@"\bclass (?<name>\w+)")]
    private static partial Regex Class();

    [GeneratedRegex(@"^    \[(?:Test|TestCase|TestCaseSource|(?:FsCheck\.NUnit\.)?Property)\b(?:.*\n)+?    public (?:async )?\S+ (?<name>\w+)\(", RegexOptions.Multiline)]
    private static partial Regex TestMethod();
}
