using System.Collections.Immutable;
using FsCheck;
using FsCheck.Fluent;
using OvsBridge.Translator.Tests.Xlate;

namespace OvsBridge.Translator.Tests.Properties;

/// <summary>
/// Something that happens. Its randomness comes from a seed of its own, so that it stays what it is when others before it are left out.
/// </summary>
internal readonly record struct Step(int Kind, int Seed)
{
    internal RandomPipelines Pipelines() => new(new Random(Seed), meters: true);

    public override string ToString() => $"{Kind}:{Seed}";
}

/// <summary>A pipeline, a kind of datapath, and packets: a seed each.</summary>
internal sealed record TranslationCase(PipelineParts Pipeline, int Datapath, ImmutableArray<int> Packets)
{
    internal static TranslationCase Draw(Random random) => new(
        PipelineParts.Of(new RandomPipelines(random, meters: true).Next()), random.Next(3), [.. Enumerable.Range(0, 25).Select(_ => random.Next())]);

    internal IEnumerable<TranslationCase> Smaller() =>
        Packets.Shorter().Where(p => p.Length > 0).Select(p => this with { Packets = p }).Concat(Pipeline.Smaller().Select(p => this with { Pipeline = p }));

    public override string ToString() => $"{Pipeline}\ndatapath {Datapath}\npackets {string.Join(' ', Packets)}";
}

/// <summary>A pipeline to begin with, and what happens then.</summary>
internal sealed record HistoryCase(PipelineParts Pipeline, ImmutableArray<Step> Steps)
{
    internal static HistoryCase Draw(Random random) => new(
        PipelineParts.Of(new RandomPipelines(random, meters: true).Next()), DrawSteps(random, random.Next(20, 500)));

    internal static ImmutableArray<Step> DrawSteps(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => new Step(random.Next(120), random.Next()))];

    internal IEnumerable<HistoryCase> Smaller() =>
        Steps.Shorter().Select(s => this with { Steps = s }).Concat(Pipeline.Smaller().Select(p => this with { Pipeline = p }));

    public override string ToString() => $"{Pipeline}\nsteps {string.Join(' ', Steps)}";
}

/// <summary>Flow entries that come to one table and go, and packets.</summary>
internal sealed record TableCase(ImmutableArray<Step> Steps)
{
    internal static TableCase Draw(Random random) => new(HistoryCase.DrawSteps(random, random.Next(20, 1500)));

    internal IEnumerable<TableCase> Smaller() => Steps.Shorter().Select(s => new TableCase(s));

    public override string ToString() => $"steps {string.Join(' ', Steps)}";
}

/// <summary>What FsCheck draws and shrinks.</summary>
internal static class Cases
{
    public static Arbitrary<TranslationCase> Translations() => From(TranslationCase.Draw, c => c.Smaller());

    public static Arbitrary<HistoryCase> Histories() => From(HistoryCase.Draw, c => c.Smaller());

    public static Arbitrary<TableCase> Tables() => From(TableCase.Draw, c => c.Smaller());

    private static Arbitrary<T> From<T>(Func<Random, T> draw, Func<T, IEnumerable<T>> smaller) =>
        Arb.From(Gen.Choose(0, int.MaxValue).Select(seed => draw(new Random(seed))), smaller);
}
