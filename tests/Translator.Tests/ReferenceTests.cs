using System.Reflection;

namespace OvsBridge.Translator.Tests;

[TestFixture]
public sealed class ReferenceTests
{
    [Test]
    public void Translator_references_only_Datapath_and_OpenFlow()
    {
        IEnumerable<string?> ours = Assembly.Load("OvsBridge.Translator").GetReferencedAssemblies()
            .Select(name => name.Name)
            .Where(name => name!.StartsWith("OvsBridge", StringComparison.OrdinalIgnoreCase));

        Assert.That(ours, Is.SubsetOf(new[] { "OvsBridge.Datapath", "OvsBridge.OpenFlow" }));
    }
}
