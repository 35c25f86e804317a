using System.Globalization;
using System.Text;
using OvsBridge.Host.Logging;

namespace OvsBridge.Host.Unixctl;

/// <summary>Commands about the daemon itself.</summary>
internal static class GeneralCommands
{
    /// <summary>Adds them.</summary>
    public static void Register(UnixctlCommands commands, LogControl logs, Action<bool> stop)
    {
        commands.Add("version", "", 0, 0, _ => $"{PidFile.DaemonName} ({VersionText.Product}) {VersionText.Version}", (_, json) =>
        {
            json.WriteStartObject();
            json.WriteString("program", PidFile.DaemonName);
            json.WriteString("product", VersionText.Product);
            json.WriteString("version", VersionText.Version);
            json.WriteEndObject();
        });
        commands.Add("exit", "[--cleanup | --keep]", 0, 1, arguments =>
        {
            if (arguments is [not ("--cleanup" or "--keep")])
                throw new UnixctlException($"exit: '{arguments[0]}' is not --cleanup or --keep");
            stop(arguments is ["--keep"]); // then packets go on by the megaflows that are there, and the next process takes over
            return "";
        });
        commands.Add("vlog/list", "", 0, 0, _ => ListLevels(logs));
        commands.Add("vlog/set", "{spec | PATTERN:destination:pattern}", 1, int.MaxValue, arguments =>
        {
            foreach (string spec in arguments)
                SetLevels(logs, spec);
            return "";
        });
    }

    private static string ListLevels(LogControl logs)
    {
        var text = new StringBuilder("                 console    syslog    file\n                 -------    ------    ------\n");
        foreach ((string module, VlogLevel level) in logs.Modules)
            text.Append(CultureInfo.InvariantCulture, $"{module,-16}  {level.Name().ToUpperInvariant(),4}       {"OFF",4}       {"OFF",4}\n");
        return text.ToString();
    }

    /// <summary>
    /// Open vSwitch's spec: words for modules (ANY: all), destinations and a level, in any order, between colons, commas or blanks;
    /// without a level: dbg. We have one destination, the console.
    /// </summary>
    private static void SetLevels(LogControl logs, string spec)
    {
        List<string> modules = [];
        VlogLevel? level = null;
        bool console = false, other = false;
        foreach (string word in spec.Split([':', ',', ' '], StringSplitOptions.RemoveEmptyEntries))
        {
            if (VlogLevels.Parse(word) is { } parsed)
                level = level is null ? parsed : throw new UnixctlException("cannot specify multiple levels");
            else if (word is "console")
                console = true;
            else if (word is "syslog" or "file")
                other = true;
            else if (word is "PATTERN" or "FACILITY")
                throw new UnixctlException($"{word}: the form of lines can't be changed");
            else if (word.Equals("ANY", StringComparison.OrdinalIgnoreCase))
                modules.Clear();
            else if (logs.Modules.ContainsKey(word))
                modules.Add(word);
            else
                throw new UnixctlException($"no destination, level, or module \"{word}\"");
        }

        if (other && !console)
            throw new UnixctlException("this daemon logs to the console only");
        foreach (string? module in modules.Count == 0 ? [null] : modules.Cast<string?>())
            logs.SetLevel(module, level ?? VlogLevel.Dbg);
    }
}
