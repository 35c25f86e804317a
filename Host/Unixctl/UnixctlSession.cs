namespace OvsBridge.Host.Unixctl;

/// <summary>A client's connection, as commands see it. Used by one command at a time.</summary>
internal sealed class UnixctlSession : IDisposable
{
    private IDisposable? _kept;

    /// <summary>Whether replies are JSON (<c>set-options --format json</c>), else text.</summary>
    public bool WantsJson { get; set; }

    /// <summary>What a command keeps for the next one of this client; disposed of when another takes its place, or the client goes.</summary>
    public IDisposable? Kept
    {
        get => _kept;
        set
        {
            if (!ReferenceEquals(_kept, value))
                _kept?.Dispose();
            _kept = value;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Kept = null;
}
