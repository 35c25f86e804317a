using BenchmarkDotNet.Running;
using OvsBridge.Benchmarks.Suites;

// "make bench" runs the suites, which compare switches on real interfaces; BENCH="--filter *Name*" runs benchmarks of single methods instead.
return args.Length == 0 || !args[0].StartsWith('-') ? Suite.Run(args) : RunMicro(args);

static int RunMicro(string[] args)
{
    BenchmarkSwitcher.FromAssembly(typeof(Suite).Assembly).Run(args);
    return 0;
}
