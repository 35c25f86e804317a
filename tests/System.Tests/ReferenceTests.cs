using System.Reflection;

namespace OvsBridge.SystemTests;

/// <summary>References point one way: Host, Translator, Datapath, OpenFlow.</summary>
[TestFixture]
public sealed class ReferenceTests
{
    [TestCase("OvsBridge.OpenFlow", TestName = "OpenFlow_references_nothing_of_ours")]
    [TestCase("OvsBridge.Datapath", "OvsBridge.OpenFlow", TestName = "Datapath_references_only_OpenFlow")]
    [TestCase("OvsBridge.Translator", "OvsBridge.Datapath", "OvsBridge.OpenFlow", TestName = "Translator_references_no_Host")]
    public void Library_references_only_what_is_below_it(string library, params string[] below)
    {
        IEnumerable<string> ours = Assembly.Load(library).GetReferencedAssemblies()
            .Select(name => name.Name!)
            .Where(name => name.StartsWith("OvsBridge", StringComparison.OrdinalIgnoreCase));

        Assert.That(ours, Is.SubsetOf(below));
    }
}
