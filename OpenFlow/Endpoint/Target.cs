using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace OvsBridge.OpenFlow.Endpoint;

/// <summary>How bytes travel to the peer.</summary>
public enum TargetTransport
{
    /// <summary>TCP.</summary>
    Tcp,

    /// <summary>TLS over TCP.</summary>
    Ssl,

    /// <summary>A unix stream socket.</summary>
    Unix,
}

/// <summary>
/// Where an OpenFlow peer is, or where we listen for one, in Open vSwitch's syntax:
/// <c>tcp:HOST[:PORT]</c>, <c>ssl:HOST[:PORT]</c>, <c>unix:FILE</c> to connect;
/// <c>ptcp:[PORT][:HOST]</c>, <c>pssl:[PORT][:HOST]</c>, <c>punix:FILE</c> to listen.
/// IPv6 addresses stand in brackets; the port is 6653 unless given.
/// </summary>
/// <param name="Transport">How bytes travel.</param>
/// <param name="IsPassive">Whether we listen.</param>
/// <param name="Host">
/// Name or address without brackets; null: listen on all addresses. Null for unix sockets.
/// </param>
/// <param name="Port">TCP port; 0 when listening: any free one. 0 for unix sockets.</param>
/// <param name="Path">File of a unix socket; null otherwise.</param>
public sealed record Target(TargetTransport Transport, bool IsPassive, string? Host, ushort Port, string? Path)
{
    /// <summary>Port of OpenFlow (IANA).</summary>
    public const ushort DefaultPort = 6653;

    /// <summary>Longest path that a unix socket address holds (sun_path less the final zero).</summary>
    public const int MaxUnixPathBytes = 107;

    private static readonly (string Scheme, TargetTransport Transport, bool Passive)[] _schemes =
    [
        ("tcp", TargetTransport.Tcp, false),
        ("ssl", TargetTransport.Ssl, false),
        ("unix", TargetTransport.Unix, false),
        ("ptcp", TargetTransport.Tcp, true),
        ("pssl", TargetTransport.Ssl, true),
        ("punix", TargetTransport.Unix, true),
    ];

    /// <summary>Reads a target.</summary>
    /// <exception cref="FormatException">Says what is wrong with it.</exception>
    public static Target Parse(string text) => TryParse(text, out Target? target, out string? error) ? target : throw new FormatException(error);

    /// <summary>Reads a target.</summary>
    /// <param name="text">Its text.</param>
    /// <param name="target">The target.</param>
    /// <param name="error">What is wrong, with the text in it.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out Target? target, [NotNullWhen(false)] out string? error)
    {
        ArgumentNullException.ThrowIfNull(text);
        target = null;
        string? reason;
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string scheme = colon < 0 ? text : text[..colon];
        string rest = colon < 0 ? "" : text[(colon + 1)..];
        int row = Array.FindIndex(_schemes, entry => entry.Scheme == scheme);
        if (colon < 0)
        {
            reason = row >= 0
                ? $"'{scheme}' must be followed by ':' and an address"
                : "it must start with tcp:, ssl:, unix:, ptcp:, pssl: or punix:";
        }
        else if (row < 0)
        {
            reason = $"unknown kind '{scheme}': it must be tcp, ssl, unix, ptcp, pssl or punix";
        }
        else
        {
            (_, TargetTransport transport, bool passive) = _schemes[row];
            reason = transport == TargetTransport.Unix ? Unix(rest, passive, out target)
                : passive ? Passive(transport, rest, out target)
                : Active(transport, rest, out target);
        }

        error = reason is null ? null : $"bad target '{text}': {reason}";
        return error is null;
    }

    /// <summary>The target's text, port included.</summary>
    public override string ToString()
    {
        string scheme = Array.Find(_schemes, row => row.Transport == Transport && row.Passive == IsPassive).Scheme;
        string host = Host is null ? "" : Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host;
        return Transport == TargetTransport.Unix ? $"{scheme}:{Path}"
            : IsPassive ? $"{scheme}:{Port}{(Host is null ? "" : ":" + host)}"
            : $"{scheme}:{host}:{Port}";
    }

    private static string? Unix(string path, bool passive, out Target? target)
    {
        target = null;
        if (path.Length == 0)
            return "a file name is missing";
        if (path.Contains('\0', StringComparison.Ordinal))
            return "the file name holds a zero byte";
        int bytes = Encoding.UTF8.GetByteCount(path);
        if (bytes > MaxUnixPathBytes)
            return $"the file name has {bytes} bytes, a unix socket takes at most {MaxUnixPathBytes}";
        target = new(TargetTransport.Unix, passive, null, 0, path);
        return null;
    }

    private static string? Active(TargetTransport transport, string text, out Target? target)
    {
        target = null;
        string? reason = SplitHost(text, out string host, out string? portText);
        if (reason is not null)
            return reason;
        ushort port = DefaultPort;
        if (portText is not null && (reason = ParsePort(portText, lowest: 1, out port)) is not null)
            return reason;
        target = new(transport, false, host, port, null);
        return null;
    }

    private static string? Passive(TargetTransport transport, string text, out Target? target)
    {
        target = null;
        string? host = null;
        string? reason;
        ushort port = DefaultPort;
        // PORT[:HOST]; a lone HOST without a port in front needs the colon (":HOST"), as for Open vSwitch.
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string portText = colon < 0 ? text : text[..colon];
        if (portText.Length > 0 && (reason = ParsePort(portText, lowest: 0, out port)) is not null)
            return reason;
        if (colon >= 0)
        {
            reason = SplitHost(text[(colon + 1)..], out host, out string? extra);
            if (reason is not null)
                return reason;
            if (extra is not null)
                return $"unexpected ':{extra}' behind the host (the form is {(transport == TargetTransport.Ssl ? "pssl" : "ptcp")}:[PORT][:HOST])";
            if (!IPAddress.TryParse(host, out _))
                return $"'{host}' is not an IP address to listen on";
        }

        target = new(transport, true, host, port, null);
        return null;
    }

    /// <summary>Splits HOST[:PORT]; IPv6 addresses are in brackets.</summary>
    private static string? SplitHost(string text, out string host, out string? port)
    {
        host = "";
        port = null;
        if (text.Length == 0)
            return "a host is missing";
        if (text[0] == '[')
        {
            int end = text.IndexOf(']', StringComparison.Ordinal);
            if (end < 0)
                return "']' is missing";
            host = text[1..end];
            if (!IPAddress.TryParse(host, out IPAddress? address) || address.AddressFamily != AddressFamily.InterNetworkV6)
                return $"'{host}' in brackets is not an IPv6 address";
            string tail = text[(end + 1)..];
            if (tail.Length == 0)
                return null;
            if (tail[0] != ':')
                return $"unexpected '{tail}' behind ']'";
            port = tail[1..];
            return null;
        }

        int colon = text.IndexOf(':', StringComparison.Ordinal);
        host = colon < 0 ? text : text[..colon];
        port = colon < 0 ? null : text[(colon + 1)..];
        if (port is not null && port.Contains(':', StringComparison.Ordinal))
            return IPAddress.TryParse(text, out _) ? $"an IPv6 address must stand in brackets: [{text}]" : "too many ':' (an IPv6 address must stand in brackets)";
        if (host.Length == 0)
            return "a host is missing";
        return LooksLikeName(host) ? null : $"'{host}' is not a host name or address";
    }

    /// <summary>RFC 1123 names (with underscores, as found in the wild) and IPv4 addresses; four numbers must be an address.</summary>
    private static bool LooksLikeName(string host)
    {
        if (host.Length > 253 || host.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '.' or '_')) || host[0] is '-' or '.')
            return false;
        return !host.All(c => char.IsAsciiDigit(c) || c == '.') || (host.Count(c => c == '.') == 3 && IPAddress.TryParse(host, out _));
    }

    private static string? ParsePort(string text, int lowest, out ushort port)
    {
        if (ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port >= lowest)
            return null;
        return text.Length == 0 ? "the port is missing behind ':'" : $"'{text}' is not a port ({lowest} to 65535)";
    }
}
