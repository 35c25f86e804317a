namespace OvsBridge.Host.Options;

/// <summary>Bad usage or configuration: one line for stderr, exit status 2.</summary>
internal sealed class UsageException(string message) : Exception(message);
