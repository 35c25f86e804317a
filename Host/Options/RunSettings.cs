namespace OvsBridge.Host.Options;

/// <summary>
/// What was given for each option, as text with its origin for error messages: from the command line ("--dpid") or the
/// configuration file ("br0.conf:3: dpid").
/// </summary>
internal sealed class RunSettings
{
    private readonly Dictionary<string, List<(string Value, string Origin)>> _values = [];

    /// <summary>Reads a command line, and the configuration file that it names.</summary>
    /// <exception cref="UsageException">Something is not as it should be.</exception>
    public static RunSettings FromCommandLine(ReadOnlySpan<string> arguments)
    {
        RunSettings line = new();
        while (!arguments.IsEmpty)
        {
            string argument = arguments[0];
            arguments = arguments[1..];
            if (!argument.StartsWith("--", StringComparison.Ordinal) || argument.Length == 2)
                throw new UsageException($"unexpected argument '{argument}' (see 'ovsbridge run --help')");
            int equals = argument.IndexOf('=', StringComparison.Ordinal);
            string key = equals < 0 ? argument[2..] : argument[2..equals];
            RunOption option = RunOption.Find(key) ?? throw new UsageException($"unknown option '--{key}' (see 'ovsbridge run --help')");
            string value;
            if (equals >= 0)
            {
                value = argument[(equals + 1)..];
            }
            else if (!arguments.IsEmpty)
            {
                value = arguments[0];
                arguments = arguments[1..];
            }
            else
            {
                throw new UsageException($"--{key} needs a value: {option.Value}");
            }

            line.Add(option, value, "--" + key);
        }

        if (line.Single("config") is not { } config)
            return line;
        // The file's come first: a single value of the command line wins, repeatable ones add up.
        RunSettings all = new();
        all.ReadFile(config.Value);
        foreach ((string key, List<(string Value, string Origin)> values) in line._values)
        {
            if (!RunOption.Find(key)!.Repeatable)
                all._values.Remove(key);
            foreach ((string value, string origin) in values)
                all.Add(RunOption.Find(key)!, value, origin);
        }

        return all;
    }

    /// <summary>The value of an option that counts once; null when it was not given.</summary>
    public (string Value, string Origin)? Single(string key) => _values.TryGetValue(key, out var values) ? values[0] : null;

    /// <summary>All values of a repeatable option, in order.</summary>
    public IReadOnlyList<(string Value, string Origin)> Many(string key) => _values.TryGetValue(key, out var values) ? values : [];

    private void Add(RunOption option, string value, string origin)
    {
        if (value.Length == 0)
            throw new UsageException($"{origin} needs a value: {option.Value}");
        if (!_values.TryGetValue(option.Key, out var values))
            _values.Add(option.Key, values = []);
        if (values.Count > 0 && !option.Repeatable)
            throw new UsageException($"{origin} is given twice: '{values[0].Value}' and '{value}'");
        values.Add((value, origin));
    }

    private void ReadFile(string file)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"can't read the configuration file: {exception.Message}");
        }

        for (int i = 0; i < lines.Length; i++)
        {
            string text = lines[i].Trim();
            if (text.Length == 0 || text[0] == '#')
                continue;
            string origin = $"{file}:{i + 1}";
            int equals = text.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0)
                throw new UsageException($"{origin}: '{text}' is not 'key = value'");
            string key = text[..equals].Trim();
            RunOption? option = RunOption.Find(key);
            if (option is null || key == "config")
                throw new UsageException($"{origin}: unknown key '{key}'");
            Add(option, text[(equals + 1)..].Trim(), $"{origin}: {key}");
        }
    }
}
