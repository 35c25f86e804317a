using System.Diagnostics.CodeAnalysis;

namespace OvsBridge.OpenFlow.Text;

/// <summary>One word of a comma-separated text: <c>key</c>, <c>key=value</c>, <c>key:value</c> or <c>key(value)</c>.</summary>
/// <param name="Key">What stands before the delimiter.</param>
/// <param name="Delimiter">'=', ':', '(' or '\0' when there is no value.</param>
/// <param name="Value">What stands behind it; for '(' without the parentheses.</param>
/// <param name="Position">Where the key starts in the whole text.</param>
/// <param name="ValuePosition">Where the value starts in the whole text.</param>
/// <param name="Text">The word as written.</param>
internal readonly record struct Word(string Key, char Delimiter, string Value, int Position, int ValuePosition, string Text)
{
    /// <summary>Whether a value was given; an empty one counts.</summary>
    public bool HasValue => Delimiter != '\0';

    /// <summary>The exception that blames this word.</summary>
    public FlowSyntaxException Error(string problem) => new(Text, Position, problem);

    /// <summary>The value; it is an error when there is none.</summary>
    public string Need(string what) =>
        HasValue && Value.Length > 0 ? Value : throw Error($"needs a value: {what}");

    /// <summary>It is an error when there is a value.</summary>
    public void NeedNoValue()
    {
        if (HasValue && !(Delimiter == '(' && Value.Length == 0))
        {
            throw Error($"{Key} takes no value");
        }
    }
}

/// <summary>Splits a text at commas and white space outside parentheses and quotes, as ovs-ofctl does.</summary>
/// <param name="text">Text, or a part of a larger one.</param>
/// <param name="offset">Where <paramref name="text"/> starts in the larger one, for positions.</param>
internal struct WordReader(string text, int offset = 0)
{
    private const string Separators = ", \t\r\n";

    private int _at;

    /// <summary>Where the next word starts, in <c>text</c>.</summary>
    public int Next
    {
        get
        {
            while (_at < text.Length && Separators.Contains(text[_at]))
            {
                _at++;
            }

            return _at;
        }
    }

    /// <summary>Reads the next word; false at the end.</summary>
    public bool Read(out Word word)
    {
        int start = Next;
        if (start == text.Length)
        {
            word = default;
            return false;
        }

        int at = start;
        while (at < text.Length && !Separators.Contains(text[at]) && text[at] is not (':' or '=' or '('))
        {
            at++;
        }

        string key = text[start..at];
        char delimiter = at < text.Length && text[at] is ':' or '=' or '(' ? text[at] : '\0';
        if (delimiter == '\0')
        {
            _at = at;
            word = new Word(key, '\0', "", start + offset, at + offset, key);
            return true;
        }

        int valueStart = at + 1;
        int valueEnd;
        if (delimiter == '(')
        {
            valueEnd = ClosingParenthesis(at, start);
            at = valueEnd + 1;
            if (at < text.Length && !Separators.Contains(text[at]))
            {
                int end = at;
                while (end < text.Length && !Separators.Contains(text[end]))
                {
                    end++;
                }

                throw new FlowSyntaxException(text[at..end], at + offset, "expected a comma behind the closing parenthesis");
            }
        }
        else
        {
            at = valueStart;
            while (at < text.Length && !Separators.Contains(text[at]))
            {
                at = text[at] switch
                {
                    '(' => ClosingParenthesis(at, start) + 1,
                    '"' => ClosingQuote(at, start) + 1,
                    _ => at + 1,
                };
            }

            valueEnd = at;
        }

        _at = at;
        word = new Word(key, delimiter, text[valueStart..valueEnd], start + offset, valueStart + offset, text[start..at]);
        return true;
    }

    private readonly int ClosingParenthesis(int open, int start)
    {
        int depth = 0;
        for (int i = open; i < text.Length; i++)
        {
            depth += text[i] switch { '(' => 1, ')' => -1, _ => 0 };
            if (depth == 0)
            {
                return i;
            }
        }

        Unbalanced(start, ")");
        return 0;
    }

    private readonly int ClosingQuote(int open, int start)
    {
        int close = text.IndexOf('"', open + 1);
        if (close < 0)
        {
            Unbalanced(start, "\"");
        }

        return close;
    }

    [DoesNotReturn]
    private readonly void Unbalanced(int start, string missing) =>
        throw new FlowSyntaxException(text[start..], start + offset, $"closing {missing} is missing");
}
