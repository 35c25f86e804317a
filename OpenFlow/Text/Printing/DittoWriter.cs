using System.Globalization;
using System.Text;

namespace OvsBridge.OpenFlow.Text;

/// <summary>Writes tables one after the other, and runs of such that are as the one before in one line, "ditto".</summary>
internal struct DittoWriter(StringBuilder text)
{
    private int _first = -1;
    private int _last;
    private bool _named;

    /// <summary>Begins a table.</summary>
    /// <param name="table">Its number.</param>
    /// <param name="name">Its name, or nothing.</param>
    /// <param name="same">Whether it is as the one before.</param>
    /// <returns>Whether its body is to be written.</returns>
    public bool Begin(int table, string name, bool same)
    {
        if (same)
        {
            if (name.Length > 0)
            {
                // Those with a name have a line each, and, as there, no blank line behind them.
                text.Append(_named ? "" : "\n");
                AppendTitle(table, name);
                text.Append(" ditto\n");
                _named = true;
                return false;
            }

            _first = _first < 0 ? table : _first;
            _last = table;
            return false;
        }

        Finish();
        text.Append(_named ? "" : "\n");
        _named = false;
        AppendTitle(table, name);
        text.Append('\n');
        return true;
    }

    /// <summary>Writes what is still to be told of tables that were as the one before.</summary>
    public void Finish()
    {
        if (_first < 0)
            return;
        text.Append(_first == _last
            ? string.Create(CultureInfo.InvariantCulture, $"\n  table {_first}: ditto\n")
            : string.Create(CultureInfo.InvariantCulture, $"\n  tables {_first}...{_last}: ditto\n"));
        _first = -1;
    }

    private readonly void AppendTitle(int table, string name)
    {
        text.Append(CultureInfo.InvariantCulture, $"  table {table}");
        if (name.Length > 0)
            text.Append(" (\"").Append(name).Append("\")");
        text.Append(':');
    }
}
