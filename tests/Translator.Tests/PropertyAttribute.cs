using System.Globalization;

namespace OvsBridge.Translator.Tests;

/// <summary>
/// A property of FsCheck over the cases of <see cref="Properties.Cases"/>. A failure prints the smallest case that still fails and
/// <c>Replay</c> values; <c>OVSBRIDGE_REPLAY</c> with these runs that case again, <c>OVSBRIDGE_CASES</c> multiplies the number of cases.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PropertyAttribute : FsCheck.NUnit.PropertyAttribute
{
    /// <summary>Tries <paramref name="cases"/> cases, or as many times more as the environment says.</summary>
    /// <remarks>An ordinary run has the same cases each time; more of them are drawn anew.</remarks>
    public PropertyAttribute(int cases)
    {
        Cases = cases;
        MaxTest = cases * (int.TryParse(Environment.GetEnvironmentVariable("OVSBRIDGE_CASES"), CultureInfo.InvariantCulture, out int times) && times > 0 ? times : 1);
        QuietOnSuccess = true;
        Arbitrary = [typeof(Properties.Cases)];
        if (Environment.GetEnvironmentVariable("OVSBRIDGE_REPLAY") is { Length: > 0 } replay)
        {
            Replay = replay;
        }
        else if (MaxTest == cases)
        {
            Replay = "(1,3)"; // where to begin
        }
    }

    /// <summary>Cases of an ordinary run.</summary>
    public int Cases { get; }
}
