using System.Globalization;
using System.Text;
using System.Text.Json;

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

    /// <summary>Does a command, and answers with structure.</summary>
    /// <param name="arguments">Its arguments; their number has been checked.</param>
    /// <param name="json">Takes one value.</param>
    /// <exception cref="UnixctlException">It failed; what was written is not sent.</exception>
    public delegate void JsonHandler(IReadOnlyList<string> arguments, Utf8JsonWriter json);

    /// <summary>Does a command that waits for something.</summary>
    /// <param name="arguments">Its arguments; their number has been checked.</param>
    /// <param name="session">The client's connection; what the command leaves there is disposed of when the client goes.</param>
    /// <param name="json">Takes one value; null: the client wants text.</param>
    /// <param name="gone">The client went, or the daemon ends.</param>
    /// <returns>What the user sees; of no account when <paramref name="json"/> was written.</returns>
    /// <exception cref="UnixctlException">It failed.</exception>
    public delegate Task<string> WaitingHandler(IReadOnlyList<string> arguments, UnixctlSession session, Utf8JsonWriter? json, CancellationToken gone);

    /// <summary>Makes the list, with <c>list-commands</c> in it.</summary>
    public UnixctlCommands()
    {
        Add("list-commands", "", 0, 0, _ => List(), (_, json) => List(json));
        _rows.Add("set-options", new Row("[--format text|json]", 1, 2, null, null, (arguments, session, _, _) => Task.FromResult(SetOptions(arguments, session))));
    }

    /// <summary>Adds a command.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="usage">Its arguments, for the list.</param>
    /// <param name="minimum">Fewest arguments.</param>
    /// <param name="maximum">Most arguments.</param>
    /// <param name="handler">Does it; may be called by several clients at once.</param>
    /// <param name="json">Does it for a client that wants JSON; null: such a client gets the text in an object.</param>
    public void Add(string name, string usage, int minimum, int maximum, Handler handler, JsonHandler? json = null) =>
        _rows.Add(name, new Row(usage, minimum, maximum, handler, json, null));

    /// <summary>Adds a command that waits.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="usage">Its arguments, for the list.</param>
    /// <param name="minimum">Fewest arguments.</param>
    /// <param name="maximum">Most arguments.</param>
    /// <param name="handler">Does it.</param>
    public void AddWaiting(string name, string usage, int minimum, int maximum, WaitingHandler handler) =>
        _rows.Add(name, new Row(usage, minimum, maximum, null, null, handler));

    /// <summary>Does a command.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="arguments">Its arguments; null for what was not a string.</param>
    /// <param name="session">The client's connection; it has the format.</param>
    /// <param name="json">Takes the answer when the format is JSON: the command's own value, or an object with its text.</param>
    /// <param name="gone">The client went, or the daemon ends.</param>
    /// <returns>What the user sees, when the format is text.</returns>
    /// <exception cref="UnixctlException">There is no such command, or it failed.</exception>
    public async Task<string> RunAsync(string name, IReadOnlyList<string?> arguments, UnixctlSession session, Utf8JsonWriter json, CancellationToken gone)
    {
        if (!_rows.TryGetValue(name, out Row? row))
            throw new UnixctlException($"\"{name}\" is not a valid command (use \"list-commands\" to see a list of valid commands)");
        if (arguments.Count < row.Minimum)
            throw new UnixctlException($"\"{name}\" command requires at least {row.Minimum} arguments");
        if (arguments.Count > row.Maximum)
            throw new UnixctlException($"\"{name}\" command takes at most {row.Maximum} arguments");
        string[] words = [.. arguments.Select(argument => argument ?? throw new UnixctlException($"\"{name}\" command has non-string argument"))];
        bool wantsJson = session.WantsJson;
        string text = "";
        if (row.Waiting is not null)
            text = await row.Waiting(words, session, wantsJson ? json : null, gone);
        else if (wantsJson && row.Json is not null)
            row.Json(words, json);
        else
            text = row.Handler!(words);

        if (session.WantsJson && json.BytesCommitted + json.BytesPending == 0)
        {
            // As Open vSwitch answers for commands that only have text.
            json.WriteStartObject();
            json.WriteString("reply", text);
            json.WriteString("reply-format", "plain");
            json.WriteEndObject();
        }

        return text;
    }

    private static string SetOptions(IReadOnlyList<string> arguments, UnixctlSession session)
    {
        if (arguments[0] != "--format")
            throw new UnixctlException($"unknown option {arguments[0]}");
        if (arguments.Count < 2)
            throw new UnixctlException($"option requires an argument -- {arguments[0]}");
        session.WantsJson = arguments[1] switch
        {
            "json" => true,
            "text" => false,
            _ => throw new UnixctlException($"option {arguments[0]} has invalid value {arguments[1]}"),
        };
        return "";
    }

    private void List(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        foreach ((string name, Row row) in _rows)
            json.WriteString(name, row.Usage);
        json.WriteEndObject();
    }

    private string List()
    {
        var text = new StringBuilder("The available commands are:\n");
        foreach ((string name, Row row) in _rows)
            text.Append(CultureInfo.InvariantCulture, $"  {name,-23} {row.Usage}\n");
        return text.ToString();
    }

    private sealed record Row(string Usage, int Minimum, int Maximum, Handler? Handler, JsonHandler? Json, WaitingHandler? Waiting);
}
