using System.Runtime.InteropServices;
using OvsBridge.Datapath.Ebpf;
using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Tests.Kernel;

/// <summary>The programs of bpf/dp_test.bpf.c, and BPF_PROG_TEST_RUN for any program.</summary>
internal sealed unsafe class TestPrograms : IDisposable
{
    private readonly BpfObject _bpf;
    private readonly MappedArray<Scratch> _scratch;

    public TestPrograms()
    {
        LibBpfMessages.Silence();
        _bpf = BpfObject.Open(File.ReadAllBytes(Testing.RepositoryRoot.File("artifacts/bpf/dp_test.bpf.o")), "dp_test.bpf.o");
        _bpf.Load("test_parse", "test_redirect");
        _scratch = _bpf.Map("scratch").MapValues<Scratch>();
    }

    /// <summary>File descriptor of the program that redirects to the interface in cb[0].</summary>
    public int Redirect => _bpf.ProgramFd("test_redirect");

    /// <summary>File descriptor of the program that only parses.</summary>
    public int Parse => _bpf.ProgramFd("test_parse");

    /// <summary>
    /// The kernel's key of a frame; false when it says that there is none, null when it does not let such a frame be tried.
    /// </summary>
    public bool? TryParse(ReadOnlySpan<byte> frame, out FlowKey key)
    {
        key = default;
        uint status;
        try
        {
            status = Run(_bpf.ProgramFd("test_parse"), frame).ReturnValue;
        }
        catch (DatapathException e) when (e.Errno == Errno.EINVAL)
        {
            return null;
        }

        Assert.That(status, Is.AnyOf(0u, 1u), "PARSE_PULL or no scratch");
        ((ReadOnlySpan<ulong>)_scratch[0].Upcall.Key).CopyTo(key.AsMutableWords());
        return status == 0;
    }

    /// <summary>Runs a program on a frame.</summary>
    /// <param name="program">File descriptor.</param>
    /// <param name="frame">At least 14 bytes.</param>
    /// <param name="repeat">How often; on the same packet.</param>
    /// <param name="cb0">First word of the context's cb.</param>
    /// <param name="ifIndex">Interface that it comes in at; 0: loopback.</param>
    public static (uint ReturnValue, uint DurationNs) Run(
        int program, ReadOnlySpan<byte> frame, int repeat = 1, uint cb0 = 0, int ifIndex = 0)
    {
        // struct __sk_buff: ifindex is at 40, cb at 48
        byte* context = stackalloc byte[192];
        new Span<byte>(context, 192).Clear();
        MemoryMarshal.Write(new Span<byte>(context + 40, 4), ifIndex);
        MemoryMarshal.Write(new Span<byte>(context + 48, 4), cb0);
        fixed (byte* data = frame)
        {
            LibBpf.TestRunOptions options = new()
            {
                Size = (nuint)sizeof(LibBpf.TestRunOptions),
                DataIn = data,
                DataSizeIn = (uint)frame.Length,
                ContextIn = context,
                ContextSizeIn = 192,
                Repeat = repeat,
            };
            int result = LibBpf.TestRun(program, ref options);
            return result == 0 ? (options.ReturnValue, options.DurationNs) : throw Errno.Failed("BPF_PROG_TEST_RUN", -result);
        }
    }

    public void Dispose() => _bpf.Dispose();

    /// <summary>The start of <c>struct scratch</c>.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 768)]
    private struct Scratch
    {
        public UpcallRecord Upcall;
    }
}
