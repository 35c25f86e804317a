using System.Buffers;
using System.Globalization;
using System.Net.Sockets;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace OvsBridge.Host.Unixctl;

/// <summary>A connection to a daemon's unixctl server. One question at a time.</summary>
internal sealed class UnixctlClient(string socketPath, Socket socket) : IDisposable
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

    /// <summary>Connects.</summary>
    /// <param name="socketPath">The daemon's socket.</param>
    /// <param name="stop">Ends the wait.</param>
    /// <exception cref="IOException">Nobody is there; the message is the user's.</exception>
    public static async Task<UnixctlClient> ConnectAsync(string socketPath, CancellationToken stop)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), stop);
            return new UnixctlClient(socketPath, socket);
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            throw new IOException($"cannot connect to \"{socketPath}\" ({exception.Message})", exception);
        }
        catch (OperationCanceledException)
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Asks for replies in JSON from here on.</summary>
    /// <exception cref="IOException">The daemon does not know how; the message is the user's.</exception>
    public async Task WantJsonAsync(CancellationToken stop)
    {
        (JsonElement text, bool failed) = await AskAsync("set-options", ["--format", "json"], stop);
        if (failed)
            throw new IOException($"failed to set output format: {text.ToString().TrimEnd()}");
    }

    /// <summary>Sends a command and waits for the answer.</summary>
    /// <returns>The answer, a string when it is text, and whether it is an error's.</returns>
    /// <exception cref="IOException">There is no answer; the message is the user's.</exception>
    public async Task<(JsonElement Answer, bool Failed)> AskAsync(string command, IReadOnlyList<string> arguments, CancellationToken stop)
    {
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
                if (buffer[filled - 1] == '}' && TryRead(buffer.AsMemory(0, filled), out (JsonElement, bool) answer))
                    return answer;
            }
        }
        catch (Exception exception) when (exception is SocketException or JsonException)
        {
            throw new IOException($"{socketPath}: transaction error ({exception.Message})", exception);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => socket.Dispose();

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

    private static bool TryRead(ReadOnlyMemory<byte> bytes, out (JsonElement Answer, bool Failed) answer)
    {
        answer = default;
        var reader = new Utf8JsonReader(bytes.Span, isFinalBlock: false, state: default);
        if (!JsonDocument.TryParseValue(ref reader, out JsonDocument? document))
            return false;
        using (document)
        {
            JsonElement root = document.RootElement;
            bool failed = root.TryGetProperty("error", out JsonElement error) && error.ValueKind != JsonValueKind.Null;
            answer = ((failed ? error : root.GetProperty("result")).Clone(), failed);
            return true;
        }
    }
}
