using System.Text.RegularExpressions;
using OvsBridge.Testing;
using YamlDotNet.RepresentationModel;

namespace OvsBridge.SystemTests;

/// <summary>docker-compose.yml and Dockerfile agree with each other and with the files beside them.</summary>
[TestFixture]
public sealed partial class ComposeFileTests
{
    private readonly YamlMappingNode _compose = Load();

    private IEnumerable<(string Name, YamlMappingNode Service)> Services =>
        Map(_compose["services"]).Select(entry => (Text(entry.Key), Merged(Map(entry.Value))));

    [Test]
    public void Bridge_controller_and_hosts_are_there() =>
        Assert.That(Services.Select(service => service.Name), Is.EquivalentTo(new[] { "bridge", "controller", "h1", "h2", "h3" }));

    [Test]
    public void Every_build_target_is_a_stage_of_the_Dockerfile()
    {
        IEnumerable<string> stages = Stage().Matches(File.ReadAllText(RepositoryRoot.File("Dockerfile"))).Select(match => match.Groups["name"].Value);
        IEnumerable<string> targets = Services.Select(service => Text(service.Service["build"]["target"])).Distinct();

        Assert.That(targets, Is.SubsetOf(stages));
    }

    [Test]
    public void Every_file_that_is_mounted_started_or_copied_exists_and_scripts_may_run()
    {
        foreach ((string name, YamlMappingNode service) in Services.Where(service => service.Service.Children.ContainsKey("volumes")))
        {
            List<string[]> volumes = [.. List(service["volumes"]).Select(volume => Text(volume).Split(':'))];
            foreach (string[] volume in volumes)
            {
                bool exists = volume[0].StartsWith('.')
                    ? Directory.Exists(RepositoryRoot.File(volume[0]))
                    : Map(_compose["volumes"]).Children.ContainsKey(volume[0]);
                Assert.That(exists, $"{name} mounts {volume[0]}");
            }

            string entry = Text(List(service["entrypoint"])[0]);
            string[] mount = volumes.Single(volume => entry.StartsWith(volume[1] + "/", StringComparison.Ordinal));
            string script = RepositoryRoot.File(mount[0] + entry[mount[1].Length..]);
            Assert.That(File.Exists(script), $"{name} starts {script}");
            Assert.That(File.GetUnixFileMode(script).HasFlag(UnixFileMode.UserExecute), $"{script} may run");
        }

        foreach (Match copy in Copy().Matches(File.ReadAllText(RepositoryRoot.File("Dockerfile"))))
        {
            string source = RepositoryRoot.File(copy.Groups["source"].Value);
            Assert.That(Path.Exists(source), $"the Dockerfile copies {source}");
        }
    }

    [Test]
    public void Every_service_network_and_namespace_that_is_named_exists()
    {
        HashSet<string> services = [.. Services.Select(service => service.Name)];
        HashSet<string> networks = [.. Map(_compose["networks"]).Select(network => Text(network.Key))];
        foreach ((string name, YamlMappingNode service) in Services)
        {
            if (service.Children.TryGetValue("depends_on", out YamlNode? needs))
            {
                IEnumerable<string> needed = needs is YamlMappingNode map ? map.Select(entry => Text(entry.Key)) : List(needs).Select(Text);
                Assert.That(needed, Is.SubsetOf(services), $"{name} depends on");
            }

            if (service.Children.TryGetValue("networks", out YamlNode? attached))
            {
                Assert.That(List(attached).Select(Text), Is.SubsetOf(networks), $"networks of {name}");
            }

            if (service.Children.TryGetValue("pid", out YamlNode? pid))
            {
                Assert.That(services.Select(other => $"service:{other}"), Does.Contain(Text(pid)), $"process namespace of {name}");
            }
        }
    }

    [Test]
    public void Bridge_may_do_what_the_datapath_needs() =>
        Assert.That(
            List(Services.Single(service => service.Name == "bridge").Service["cap_add"]).Select(Text),
            Is.SupersetOf(new[] { "NET_ADMIN", "NET_RAW", "BPF", "PERFMON" }));

    [GeneratedRegex(@"^FROM\s+\S+\s+AS\s+(?<name>\S+)", RegexOptions.Multiline)]
    private static partial Regex Stage();

    [GeneratedRegex(@"^COPY\s+(?!--)(?<source>\S+)", RegexOptions.Multiline)]
    private static partial Regex Copy();

    private static YamlMappingNode Load()
    {
        using StreamReader reader = File.OpenText(RepositoryRoot.File("docker-compose.yml"));
        var stream = new YamlStream();
        stream.Load(reader);
        return Map(stream.Documents.Single().RootNode);
    }

    /// <summary>A mapping with what its merge key (&lt;&lt;) brings.</summary>
    private static YamlMappingNode Merged(YamlMappingNode map)
    {
        if (!map.Children.TryGetValue("<<", out YamlNode? basis))
        {
            return map;
        }

        var merged = new YamlMappingNode();
        foreach (KeyValuePair<YamlNode, YamlNode> entry in Map(basis).Concat(map.Where(entry => Text(entry.Key) != "<<")))
        {
            merged.Children[entry.Key] = entry.Value;
        }

        return merged;
    }

    private static YamlMappingNode Map(YamlNode node) => (YamlMappingNode)node;

    private static YamlSequenceNode List(YamlNode node) => (YamlSequenceNode)node;

    private static string Text(YamlNode node) => ((YamlScalarNode)node).Value!;
}
