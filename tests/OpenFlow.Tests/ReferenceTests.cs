using System.Reflection;

namespace OvsBridge.OpenFlow.Tests;

[TestFixture]
public sealed class ReferenceTests
{
    /// <summary>A controller can be written on the OpenFlow library alone.</summary>
    [Test]
    public void OpenFlow_references_nothing_of_ours()
    {
        IEnumerable<string?> ours = Assembly.Load("OvsBridge.OpenFlow").GetReferencedAssemblies()
            .Select(name => name.Name)
            .Where(name => name!.StartsWith("OvsBridge", StringComparison.OrdinalIgnoreCase));

        Assert.That(ours, Is.Empty);
    }
}
