using System.Reflection;

namespace OvsBridge.Datapath.Tests;

[TestFixture]
public sealed class ReferenceTests
{
    [Test]
    public void Datapath_references_only_OpenFlow()
    {
        IEnumerable<string?> ours = Assembly.Load("OvsBridge.Datapath").GetReferencedAssemblies()
            .Select(name => name.Name)
            .Where(name => name!.StartsWith("OvsBridge", StringComparison.OrdinalIgnoreCase));

        Assert.That(ours, Is.SubsetOf(new[] { "OvsBridge.OpenFlow" }));
    }
}
