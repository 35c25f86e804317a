using System.Net.Sockets;
using System.Security.Authentication;
using Microsoft.Extensions.Logging;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Endpoint;

/// <summary>
/// Auxiliary connections (OpenFlow 1.3.5, 6.3.6): they come when the main connection is complete, that is when the peer has had its
/// FEATURES_REPLY there, and go with it.
/// </summary>
/// <remarks>
/// A peer that does not want one, be it that it does not answer or that it ends it soon, is asked ever more seldom; the main connection
/// does without.
/// </remarks>
public sealed partial class OfConnector
{
    private static readonly TimeSpan _longestAuxiliaryBackoff = TimeSpan.FromMinutes(1);

    private Task AuxiliariesAsync(OfConnection main) =>
        Task.WhenAll(Enumerable.Range(1, AuxiliaryCount).Select(id => AuxiliaryLoopAsync(main, (byte)id)));

    private async Task AuxiliaryLoopAsync(OfConnection main, byte id)
    {
        CancellationToken closing = main.Closing;
        TimeSpan backoff = _firstBackoff;
        bool reported = false;
        try
        {
            await main.Identified.WaitAsync(closing).ConfigureAwait(false);
            if (main.Version == OfCodec.Version10)
                return; // OpenFlow 1.0 has none
            while (true)
            {
                long start = _options.Time.GetTimestamp();
                string reason = await ServeAuxiliaryAsync(main, id).ConfigureAwait(false);
                closing.ThrowIfCancellationRequested();
                if (_options.Time.GetElapsedTime(start) >= _longestAuxiliaryBackoff)
                {
                    backoff = _firstBackoff;
                    reported = false;
                }

                if (!reported)
                    LogNoAuxiliary(Target, id, reason);
                reported = true;
                await Task.Delay(backoff, _options.Time, closing).ConfigureAwait(false);
                backoff = 2 * backoff < _longestAuxiliaryBackoff ? 2 * backoff : _longestAuxiliaryBackoff;
            }
        }
        catch (OperationCanceledException) when (closing.IsCancellationRequested)
        {
        }
    }

    /// <summary>Connects once and serves that connection to its end.</summary>
    /// <returns>Why it ended, or did not begin.</returns>
    private async Task<string> ServeAuxiliaryAsync(OfConnection main, byte id)
    {
        try
        {
            OfConnection connection = await ConnectAsync(main, id).ConfigureAwait(false);
            return await connection.RunAsync(main.Closing).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is SocketException or IOException or AuthenticationException or ObjectDisposedException or OperationCanceledException)
        {
            return exception is OperationCanceledException
                ? $"no answer within {_connectTimeout.TotalSeconds:0} s"
                : (exception.InnerException ?? exception).Message;
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{target}: no auxiliary connection {id}: {reason}; going on without, trying again from time to time")]
    private partial void LogNoAuxiliary(Target target, byte id, string reason);
}
