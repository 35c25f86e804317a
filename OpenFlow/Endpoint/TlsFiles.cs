using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace OvsBridge.OpenFlow.Endpoint;

/// <summary>
/// What TLS needs: our key and certificate, and the authority that must have signed the peer's. Both sides show a certificate;
/// host names in it do not matter (as for Open vSwitch, whose certificates name switches, not hosts).
/// </summary>
public sealed class TlsFiles
{
    private readonly SslStreamCertificateContext _own;
    private readonly X509Certificate2Collection _authorities;

    private TlsFiles(SslStreamCertificateContext own, X509Certificate2Collection authorities)
    {
        _own = own;
        _authorities = authorities;
    }

    /// <summary>Reads PEM files.</summary>
    /// <param name="privateKey">Our private key.</param>
    /// <param name="certificate">Our certificate, then any that lead to the authority.</param>
    /// <param name="authority">Certificates of the authorities that we trust.</param>
    /// <exception cref="FormatException">A file can't be read or is not what it should be; says which.</exception>
    public static TlsFiles Load(string privateKey, string certificate, string authority)
    {
        var chain = new X509Certificate2Collection();
        var authorities = new X509Certificate2Collection();
        Read(certificate, "a PEM certificate", () => chain.ImportFromPemFile(certificate));
        Read(authority, "a PEM certificate", () => authorities.ImportFromPemFile(authority));
        if (authorities.Count == 0)
            throw new FormatException($"{authority}: holds no PEM certificate");
        X509Certificate2? own = null;
        Read(privateKey, $"the PEM private key of {certificate}", () => own = X509Certificate2.CreateFromPemFile(certificate, privateKey));
        return new TlsFiles(SslStreamCertificateContext.Create(own!, chain, offline: true), authorities);
    }

    /// <summary>Begins TLS as a client.</summary>
    /// <param name="inner">A stream that is connected; it is closed with the result.</param>
    /// <param name="host">Whom we mean to talk to, for the peer only.</param>
    /// <param name="stop">Gives up.</param>
    /// <exception cref="AuthenticationException">The peer has no certificate of our authority.</exception>
    public async Task<SslStream> ConnectAsync(Stream inner, string host, CancellationToken stop)
    {
        var stream = new SslStream(inner);
        await stream.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = host,
                ClientCertificateContext = _own,
                CertificateChainPolicy = Policy(),
                RemoteCertificateValidationCallback = Accept,
            },
            stop).ConfigureAwait(false);
        return stream;
    }

    internal async Task<SslStream> AcceptAsync(Stream inner, CancellationToken stop)
    {
        var stream = new SslStream(inner);
        await stream.AuthenticateAsServerAsync(
            new SslServerAuthenticationOptions
            {
                ServerCertificateContext = _own,
                ClientCertificateRequired = true,
                CertificateChainPolicy = Policy(),
                RemoteCertificateValidationCallback = Accept,
            },
            stop).ConfigureAwait(false);
        return stream;
    }

    private static bool Accept(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors) =>
        (errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) == 0;

    private static void Read(string file, string what, Action read)
    {
        try
        {
            read();
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            throw new FormatException($"{file}: is not {what}: {exception.Message}", exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new FormatException($"can't read {file}: {exception.Message}", exception);
        }
    }

    private X509ChainPolicy Policy()
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(_authorities);
        return policy;
    }
}
