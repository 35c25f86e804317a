using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using NLog;
using NLog.Config;
using NLog.Extensions.Logging;
using NLog.Layouts;
using NLog.Targets;
using NLog.Targets.Wrappers;

namespace OvsBridge.Host.Logging;

/// <summary>
/// The log on stderr, one line an event in Open vSwitch's form: <c>time|number|module|LEVEL|text</c>. A module is a class, named as in
/// ovs (<c>of_connection</c>). Levels change while it runs (vlog/set). Lines wait in a bounded queue, so that a reader of stderr
/// that stands still does not stop the switch; what does not fit is dropped.
/// </summary>
internal sealed class LogControl : ILoggerFactory
{
    private const int QueuedLines = 10_000;

    private readonly LogFactory _factory = new();
    private readonly NLogLoggerFactory _loggers;
    private readonly Lock _lock = new();
    private readonly Target _target;
    private ImmutableSortedDictionary<string, VlogLevel> _modules = ImmutableSortedDictionary<string, VlogLevel>.Empty;
    private long _lines;

    /// <summary>Starts to log.</summary>
    public LogControl(VlogLevel level)
    {
        // Not by a layout text: parsing it and looking its parts up costs start-up time.
        var layout = Layout.FromMethod(Format, LayoutRenderOptions.ThreadAgnostic);
        _target = new AsyncTargetWrapper(new ConsoleTarget { StdErr = true, Layout = layout }, QueuedLines, AsyncTargetWrapperOverflowAction.Discard)
        {
            Name = "stderr",
            TimeToSleepBetweenBatches = 0,
        };
        Level = level;
        Apply();
        _loggers = new NLogLoggerFactory(new NLogLoggerProvider(new NLogProviderOptions(), _factory));
    }

    /// <summary>The level of modules that have none of their own.</summary>
    public VlogLevel Level { get; private set; }

    /// <summary>The modules that there are, with their levels.</summary>
    public IReadOnlyDictionary<string, VlogLevel> Modules => _modules;

    /// <inheritdoc/>
    public Microsoft.Extensions.Logging.ILogger CreateLogger(string categoryName)
    {
        if (categoryName.StartsWith("Microsoft.", StringComparison.Ordinal))
            return Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance; // the hosting library: what it says, we say better
        string module = ModuleName(categoryName);
        lock (_lock)
        {
            if (!_modules.ContainsKey(module))
                _modules = _modules.Add(module, Level);
        }

        return _loggers.CreateLogger(module);
    }

    /// <inheritdoc/>
    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    /// <summary>Sets the level of one module, or of all (null), now and later.</summary>
    /// <returns>False when there is no such module.</returns>
    public bool SetLevel(string? module, VlogLevel level)
    {
        lock (_lock)
        {
            if (module is not null && !_modules.ContainsKey(module))
                return false;
            if (module is null)
                Level = level;
            _modules = module is null
                ? _modules.SetItems(_modules.Keys.Select(name => KeyValuePair.Create(name, level)))
                : _modules.SetItem(module, level);
            Apply();
            return true;
        }
    }

    /// <summary>Writes what waits, and ends.</summary>
    public void Dispose()
    {
        _factory.Flush(TimeSpan.FromSeconds(2));
        _factory.Shutdown();
        _loggers.Dispose();
    }

    /// <summary>"OvsBridge.OpenFlow.Endpoint.OfConnection" is "of_connection".</summary>
    internal static string ModuleName(string category)
    {
        var name = new StringBuilder();
        foreach (char c in category[(category.LastIndexOf('.') + 1)..])
        {
            if (char.IsAsciiLetterUpper(c) && name.Length > 0)
                name.Append('_');
            name.Append(char.ToLowerInvariant(c));
        }

        return name.ToString();
    }

    private void Apply()
    {
        var configuration = new LoggingConfiguration(_factory);
        // A module's own rule is final, so that the general one is not asked as well.
        foreach ((string module, VlogLevel level) in _modules.Where(entry => entry.Value != Level))
            configuration.LoggingRules.Add(new LoggingRule(module, level.ToNLog(), NLog.LogLevel.Fatal, _target) { FinalMinLevel = level.ToNLog() });
        if (Level != VlogLevel.Off)
            configuration.LoggingRules.Add(new LoggingRule("*", Level.ToNLog(), NLog.LogLevel.Fatal, _target));
        _factory.Configuration = configuration;
    }

    private string Format(LogEventInfo item)
    {
        string level = item.Level.Ordinal switch
        {
            5 => "EMER",
            4 => "ERR",
            3 => "WARN",
            2 => "INFO",
            _ => "DBG",
        };
        long number = Interlocked.Increment(ref _lines);
        string text = string.Create(
            CultureInfo.InvariantCulture,
            $"{item.TimeStamp.ToUniversalTime():yyyy-MM-ddTHH:mm:ss.fffZ}|{number:00000}|{item.LoggerName}|{level}|{item.FormattedMessage}");
        return item.Exception is null ? text : $"{text}: {item.Exception}";
    }
}
