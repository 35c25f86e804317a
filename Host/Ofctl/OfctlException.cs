namespace OvsBridge.Host.Ofctl;

/// <summary>A command can't go on: the message is for the user, behind the program's name, and the exit status is 1.</summary>
internal sealed class OfctlException(string message) : Exception(message);
