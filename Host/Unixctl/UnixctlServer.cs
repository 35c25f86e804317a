using System.Buffers;
using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using OvsBridge.OpenFlow.Endpoint;

namespace OvsBridge.Host.Unixctl;

/// <summary>
/// Serves ovs-appctl: JSON-RPC 1.0 over a unix stream, one object after the other without separator. Requests of a connection are
/// answered in order; connections run in parallel.
/// </summary>
internal sealed partial class UnixctlServer : IAsyncDisposable
{
    private const int MaxConnections = 64;
    private const int MaxRequestBytes = 1 << 20;

    private static readonly JsonWriterOptions _writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly UnixctlCommands _commands;
    private readonly ILogger _logger;
    private readonly Socket _socket;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<Socket, Task> _serving = new();
    private readonly Task _loop;

    /// <summary>Listens and begins to serve.</summary>
    /// <exception cref="IOException">The socket can't be made.</exception>
    public UnixctlServer(string path, UnixctlCommands commands, ILogger logger)
    {
        Path = path;
        _commands = commands;
        _logger = logger;
        _socket = UnixSocket.Listen(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        _loop = Task.Run(AcceptLoopAsync);
    }

    /// <summary>The socket's file.</summary>
    public string Path { get; }

    /// <summary>Where a daemon's socket is.</summary>
    public static string PathIn(string runDirectory, int processId, string daemon = PidFile.DaemonName) =>
        System.IO.Path.Combine(runDirectory, $"{daemon}.{processId}.ctl");

    /// <summary>Answers what was asked, and ends.</summary>
    public async ValueTask DisposeAsync()
    {
        UnixSocket.Remove(Path);
        await _stop.CancelAsync();
        _socket.Dispose();
        await _loop;
        await Task.WhenAll(_serving.Values);
        _stop.Dispose();
    }

    private async Task AcceptLoopAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                Socket peer = await _socket.AcceptAsync(_stop.Token);
                if (_serving.Count >= MaxConnections)
                {
                    peer.Dispose();
                    LogFull(MaxConnections);
                    continue;
                }

                var start = new TaskCompletionSource();
                _serving[peer] = ServeAsync(start.Task, peer);
                start.SetResult();
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException exception)
            {
                if (_stop.IsCancellationRequested)
                    return;
                LogAcceptFailed(exception.Message);
                await Task.Delay(TimeSpan.FromSeconds(1));
            }
        }
    }

    private async Task ServeAsync(Task start, Socket socket)
    {
        await start.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        byte[] buffer = new byte[4096];
        int filled = 0;
        using var session = new UnixctlSession();
        try
        {
            while (true)
            {
                if (filled == buffer.Length)
                {
                    if (filled >= MaxRequestBytes)
                        return;
                    Array.Resize(ref buffer, filled * 2);
                }

                int count = await socket.ReceiveAsync(buffer.AsMemory(filled), _stop.Token);
                if (count == 0)
                    return;
                filled += count;
                while (TryTake(buffer, ref filled, out JsonElement request))
                {
                    if (await AnswerAsync(socket, session, request) is not { } answer)
                        return;
                    for (ReadOnlyMemory<byte> rest = answer; !rest.IsEmpty;)
                        rest = rest[await socket.SendAsync(rest, CancellationToken.None)..];
                }
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException or JsonException)
        {
            if (exception is JsonException)
                LogGarbage(exception.Message);
        }
        finally
        {
            socket.Dispose();
            _serving.TryRemove(socket, out _);
        }
    }

    /// <summary>Cuts the next whole JSON value off the front of the buffer.</summary>
    /// <exception cref="JsonException">What is there is not JSON.</exception>
    private static bool TryTake(byte[] buffer, ref int filled, out JsonElement request)
    {
        request = default;
        int blank = 0;
        while (blank < filled && buffer[blank] is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')
            blank++;
        if (blank == filled)
        {
            filled = 0;
            return false;
        }

        var reader = new Utf8JsonReader(buffer.AsSpan(blank, filled - blank), isFinalBlock: false, state: default);
        if (!JsonDocument.TryParseValue(ref reader, out JsonDocument? document))
            return false;
        using (document)
        {
            request = document.RootElement.Clone();
        }

        int used = blank + (int)reader.BytesConsumed;
        buffer.AsSpan(used, filled - used).CopyTo(buffer);
        filled -= used;
        return true;
    }

    /// <summary>Does a request.</summary>
    /// <returns>The reply; null: what was sent is no request, the connection ends.</returns>
    private async Task<byte[]?> AnswerAsync(Socket socket, UnixctlSession session, JsonElement request)
    {
        if (request.ValueKind != JsonValueKind.Object
            || !request.TryGetProperty("id", out JsonElement id) || id.ValueKind == JsonValueKind.Null
            || !request.TryGetProperty("method", out JsonElement method) || method.ValueKind != JsonValueKind.String
            || !request.TryGetProperty("params", out JsonElement parameters) || parameters.ValueKind != JsonValueKind.Array)
        {
            string raw = request.GetRawText();
            LogGarbage(raw);
            return null;
        }

        string name = method.GetString()!;
        string text;
        bool failed = false;
        var value = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(value, _writing);
        try
        {
            string?[] arguments = [.. parameters.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.String ? item.GetString() : null)];
            using var gone = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            Task<string> run = _commands.RunAsync(name, arguments, session, json, gone.Token);
            if (!run.IsCompleted)
                await WatchAsync(socket, run, gone);
            text = await run;
        }
        catch (UnixctlException exception)
        {
            failed = true;
            text = exception.Message;
        }
        catch (OperationCanceledException)
        {
            return null; // nobody is there to hear the answer
        }
        catch (Exception exception)
        {
            LogFailed(exception, name);
            failed = true;
            text = $"\"{name}\" failed: {exception.Message}";
        }

        if (text.Length > 0 && text[^1] != '\n')
            text += "\n";
        var output = new ArrayBufferWriter<byte>(text.Length + 64);
        await using (var writer = new Utf8JsonWriter(output, _writing))
        {
            writer.WriteStartObject();
            writer.WritePropertyName("id");
            id.WriteTo(writer);
            if (failed)
            {
                writer.WriteString("error", text);
            }
            else
            {
                await json.FlushAsync();
                writer.WritePropertyName("result");
                if (session.WantsJson)
                    writer.WriteRawValue(value.WrittenSpan, skipInputValidation: true);
                else
                    writer.WriteStringValue(text);
                writer.WriteNull("error");
            }

            writer.WriteEndObject();
        }

        return output.WrittenSpan.ToArray();
    }

    /// <summary>While a command waits: cancels it when its client goes. What the client sends meanwhile stays in the socket.</summary>
    private static async Task WatchAsync(Socket socket, Task run, CancellationTokenSource gone)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(gone.Token);
        Task<int> next = socket.ReceiveAsync(new byte[1], SocketFlags.Peek, over.Token).AsTask();
        if (await Task.WhenAny(run, next) == next && (!next.IsCompletedSuccessfully || next.Result == 0))
            await gone.CancelAsync();
        await over.CancelAsync();
        await next.ContinueWith(_ => { }, TaskScheduler.Default); // its end; how does not matter
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{count} clients are connected, turning others away")]
    private partial void LogFull(int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "can't accept a connection: {reason}")]
    private partial void LogAcceptFailed(string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "a client sent what is no request: {text}")]
    private partial void LogGarbage(string text);

    [LoggerMessage(Level = LogLevel.Error, Message = "{command} failed")]
    private partial void LogFailed(Exception exception, string command);
}
