namespace OvsBridge.OpenFlow.Text;

/// <summary>A text in ovs-ofctl's notation is wrong, or asks for something that this switch does not have.</summary>
public sealed class FlowSyntaxException : Exception
{
    /// <summary>Says what is wrong with <paramref name="word"/>.</summary>
    /// <param name="word">The offending word as it stands in the text.</param>
    /// <param name="position">Where it starts: characters from the start of the text, from 0.</param>
    /// <param name="problem">What is wrong with it.</param>
    public FlowSyntaxException(string word, int position, string problem)
        : base($"\"{word}\" at column {position + 1}: {problem}")
    {
        Word = word;
        Position = position;
        Problem = problem;
    }

    /// <summary>The offending word.</summary>
    public string Word { get; }

    /// <summary>Where it starts in the text, from 0.</summary>
    public int Position { get; }

    /// <summary>What is wrong, without word and position.</summary>
    public string Problem { get; }

    /// <summary>The same, for a text that starts <paramref name="offset"/> characters into a larger one.</summary>
    internal FlowSyntaxException At(int offset) => new(Word, Position + offset, Problem);
}
