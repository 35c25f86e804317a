using System.IO.Compression;
using System.Xml.Linq;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>The OpenFlow library as a package for others (<c>make package</c>).</summary>
[TestFixture]
public sealed class PackageTests
{
    [Test]
    public void Package_has_what_a_user_needs()
    {
        string folder = Directory.CreateTempSubdirectory("ovsbridge-package-").FullName;
        try
        {
            string configuration = AppContext.BaseDirectory.Contains("/Debug/", StringComparison.Ordinal) ? "Debug" : "Release";
            CommandResult pack = Command.Try(
                TimeSpan.FromMinutes(2), "dotnet", ["pack", RepositoryRoot.File("OpenFlow"), "--no-build", "--nologo", "-c", configuration, "-o", folder]);
            Assert.That(pack.ExitCode, Is.Zero, pack.ToString());

            using ZipArchive package = ZipFile.OpenRead(Directory.GetFiles(folder, "*.nupkg").Single());
            string[] files = [.. package.Entries.Select(entry => entry.FullName)];
            using Stream stream = package.GetEntry("OvsBridge.OpenFlow.nuspec")!.Open();
            Dictionary<string, string> said = XDocument.Load(stream).Root!.Elements().Single().Elements().ToDictionary(e => e.Name.LocalName, e => e.Value);
            Assert.Multiple(() =>
            {
                Assert.That(files, Is.SupersetOf(new[]
                {
                    "README.md", "lib/net10.0/OvsBridge.OpenFlow.dll", "lib/net10.0/OvsBridge.OpenFlow.xml",
                }));
                Assert.That(said["id"], Is.EqualTo("OvsBridge.OpenFlow"));
                Assert.That(said["license"], Is.EqualTo("Apache-2.0"));
                Assert.That(said["readme"], Is.EqualTo("README.md"));
                Assert.That(said["description"], Does.StartWith("OpenFlow 1.3 for .NET"));
                Assert.That(said["version"], Does.Match(@"^\d+\.\d+\.\d+$"));
                Assert.That(files, Has.None.Contains("OvsBridge.Datapath").And.None.Contains("OvsBridge.Translator"), "it stands alone");
            });
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
