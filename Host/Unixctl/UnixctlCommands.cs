using System.Globalization;
using System.Text;

namespace OvsBridge.Host.Unixctl;

/// <summary>A command failed: the text goes to the user.</summary>
internal sealed class UnixctlException(string message) : Exception(message);

/// <summary>The commands of the daemon. Filled before the server starts, not changed afterwards.</summary>
internal sealed class UnixctlCommands
{
    private readonly SortedDictionary<string, Row> _rows = new(StringComparer.Ordinal);

    /// <summary>Does a command.</summary>
    /// <param name="arguments">Its arguments; their number has been checked.</param>
    /// <returns>What the user sees.</returns>
    /// <exception cref="UnixctlException">It failed.</exception>
    public delegate string Handler(IReadOnlyList<string> arguments);

    /// <summary>Makes the list, with <c>list-commands</c> in it.</summary>
    public UnixctlCommands() => Add("list-commands", "", 0, 0, _ => List());

    /// <summary>Adds a command.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="usage">Its arguments, for the list.</param>
    /// <param name="minimum">Fewest arguments.</param>
    /// <param name="maximum">Most arguments.</param>
    /// <param name="handler">Does it; may be called by several clients at once.</param>
    public void Add(string name, string usage, int minimum, int maximum, Handler handler) =>
        _rows.Add(name, new Row(usage, minimum, maximum, handler));

    /// <summary>Does a command.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="arguments">Its arguments; null for what was not a string.</param>
    /// <returns>What the user sees.</returns>
    /// <exception cref="UnixctlException">There is no such command, or it failed.</exception>
    public string Run(string name, IReadOnlyList<string?> arguments)
    {
        if (!_rows.TryGetValue(name, out Row? row))
            throw new UnixctlException($"\"{name}\" is not a valid command (use \"list-commands\" to see a list of valid commands)");
        if (arguments.Count < row.Minimum)
            throw new UnixctlException($"\"{name}\" command requires at least {row.Minimum} arguments");
        if (arguments.Count > row.Maximum)
            throw new UnixctlException($"\"{name}\" command takes at most {row.Maximum} arguments");
        return row.Handler([.. arguments.Select(argument => argument ?? throw new UnixctlException($"\"{name}\" command has non-string argument"))]);
    }

    private string List()
    {
        var text = new StringBuilder("The available commands are:\n");
        foreach ((string name, Row row) in _rows)
            text.Append(CultureInfo.InvariantCulture, $"  {name,-23} {row.Usage}\n");
        return text.ToString();
    }

    private sealed record Row(string Usage, int Minimum, int Maximum, Handler Handler);
}
