using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using OvsBridge.OpenFlow.Endpoint;

namespace OvsBridge.Testing;

/// <summary>The three PEM files that a side of a TLS connection needs, as ovs-ofctl, os-ken and we take them.</summary>
/// <param name="PrivateKey">Its key.</param>
/// <param name="Certificate">Its certificate.</param>
/// <param name="AuthorityCertificate">Who must have signed the peer's.</param>
public sealed record TestCertificate(string PrivateKey, string Certificate, string AuthorityCertificate)
{
    /// <summary>The files, read.</summary>
    public TlsFiles Load() => TlsFiles.Load(PrivateKey, Certificate, AuthorityCertificate);

    /// <summary>Options of <c>ovsbridge run</c>.</summary>
    public IEnumerable<string> RunOptions =>
        ["--private-key", PrivateKey, "--certificate", Certificate, "--ca-cert", AuthorityCertificate];

    /// <summary>Options of Open vSwitch's tools.</summary>
    public IEnumerable<string> OvsOptions => ["--private-key=" + PrivateKey, "--certificate=" + Certificate, "--ca-cert=" + AuthorityCertificate];

    /// <summary>Options of osken-manager (and ryu-manager).</summary>
    public IEnumerable<string> OsKenOptions => ["--ctl-privkey", PrivateKey, "--ctl-cert", Certificate, "--ca-certs", AuthorityCertificate];
}

/// <summary>A certificate authority for a test, valid for a day, with RSA keys as Open vSwitch's ovs-pki makes them.</summary>
public sealed class TestAuthority : IDisposable
{
    private readonly string _directory;
    private readonly X509Certificate2 _certificate;
    private readonly string _file;

    /// <summary>Makes it.</summary>
    /// <param name="directory">Where its files go; the test removes it.</param>
    /// <param name="name">Its name, in the certificate and the files.</param>
    public TestAuthority(string directory, string name)
    {
        _directory = directory;
        using RSA key = RSA.Create(2048);
        var request = new CertificateRequest("CN=" + name, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        _certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        _file = Path.Combine(directory, name + ".pem");
        File.WriteAllText(_file, _certificate.ExportCertificatePem());
    }

    /// <summary>Makes a key and a certificate for it.</summary>
    /// <param name="name">Name in the certificate and of the files.</param>
    /// <param name="traditional">The key in PKCS#1 (<c>BEGIN RSA PRIVATE KEY</c>, as ovs-pki writes it) instead of PKCS#8.</param>
    public TestCertificate Issue(string name, bool traditional = false)
    {
        using RSA key = RSA.Create(2048);
        var request = new CertificateRequest("CN=" + name, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using X509Certificate2 certificate = request.Create(
            _certificate, _certificate.NotBefore, _certificate.NotAfter, RandomNumberGenerator.GetBytes(8));
        string stem = Path.Combine(_directory, name);
        File.WriteAllText(stem + "-cert.pem", certificate.ExportCertificatePem());
        File.WriteAllText(stem + "-key.pem", traditional ? key.ExportRSAPrivateKeyPem() : key.ExportPkcs8PrivateKeyPem());
        return new TestCertificate(stem + "-key.pem", stem + "-cert.pem", _file);
    }

    /// <inheritdoc/>
    public void Dispose() => _certificate.Dispose();
}
