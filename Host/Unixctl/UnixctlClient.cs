using System.Buffers;
using System.Globalization;
using System.Net.Sockets;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace OvsBridge.Host.Unixctl;

/// <summary>Asks a daemon's unixctl server one thing.</summary>
internal static class UnixctlClient
{
    private static readonly JsonWriterOptions _writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>
    /// The socket that a target means: a file name that begins with '/', else a daemon's name, whose pid file is in the run
    /// directory.
    /// </summary>
    /// <exception cref="IOException">There is no such daemon; the message is the user's.</exception>
    public static string SocketOf(string target, string runDirectory)
    {
        if (target.StartsWith('/'))
            return target;
        string pidFile = PidFile.PathIn(runDirectory, target);
        int? holder;
        string reason;
        try
        {
            holder = PidFile.Holder(pidFile);
            reason = holder is null ? "No such file or directory" : "No such process";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            holder = null;
            reason = exception is UnauthorizedAccessException ? "Permission denied" : exception.Message;
        }

        return holder is > 0
            ? UnixctlServer.PathIn(runDirectory, holder.Value, target)
            : throw new IOException($"cannot read pidfile \"{pidFile}\" ({reason})");
    }

    /// <summary>Sends a command and waits for the answer.</summary>
    /// <returns>The text, and whether it is an error's.</returns>
    /// <exception cref="IOException">There is no answer; the message is the user's.</exception>
    public static async Task<(string Text, bool Failed)> AskAsync(string socketPath, string command, IReadOnlyList<string> arguments, CancellationToken stop)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), stop);
        }
        catch (SocketException exception)
        {
            throw new IOException($"cannot connect to \"{socketPath}\" ({exception.Message})", exception);
        }

        try
        {
            for (ReadOnlyMemory<byte> rest = Request(command, arguments); !rest.IsEmpty;)
                rest = rest[await socket.SendAsync(rest, stop)..];
            byte[] buffer = new byte[64 * 1024];
            int filled = 0;
            while (true)
            {
                if (filled == buffer.Length)
                    Array.Resize(ref buffer, filled * 2);
                int count = await socket.ReceiveAsync(buffer.AsMemory(filled), stop);
                if (count == 0)
                    throw new IOException($"{socketPath}: transaction error (End of file)");
                filled += count;
                if (buffer[filled - 1] == '}' && TryRead(buffer.AsMemory(0, filled), out (string Text, bool Failed) answer))
                    return answer;
            }
        }
        catch (Exception exception) when (exception is SocketException or JsonException)
        {
            throw new IOException($"{socketPath}: transaction error ({exception.Message})", exception);
        }
    }

    private static byte[] Request(string command, IReadOnlyList<string> arguments)
    {
        var output = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(output, _writing))
        {
            writer.WriteStartObject();
            writer.WriteNumber("id", 0);
            writer.WriteString("method", command);
            writer.WriteStartArray("params");
            foreach (string argument in arguments)
                writer.WriteStringValue(argument);
            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        return output.WrittenSpan.ToArray();
    }

    private static bool TryRead(ReadOnlyMemory<byte> bytes, out (string Text, bool Failed) answer)
    {
        answer = default;
        var reader = new Utf8JsonReader(bytes.Span, isFinalBlock: false, state: default);
        if (!JsonDocument.TryParseValue(ref reader, out JsonDocument? document))
            return false;
        using (document)
        {
            JsonElement root = document.RootElement;
            bool failed = root.TryGetProperty("error", out JsonElement error) && error.ValueKind != JsonValueKind.Null;
            JsonElement text = failed ? error : root.GetProperty("result");
            answer = (text.ValueKind == JsonValueKind.String ? text.GetString()! : text.GetRawText(), failed);
            return true;
        }
    }
}
