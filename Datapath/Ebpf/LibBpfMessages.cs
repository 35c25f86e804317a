using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath.Ebpf;

/// <summary>
/// What libbpf has to say: it prints to stderr by default. Warnings are kept for whoever captures on the same thread, for the
/// text of an exception, and else dropped (an errno tells the rest).
/// </summary>
internal static unsafe class LibBpfMessages
{
    private const int Warning = 0; // LIBBPF_WARN
    private const int LongestMessage = 1024;

    [ThreadStatic]
    private static StringBuilder? _capture;

    static LibBpfMessages() => LibBpf.SetPrint(&Print);

    /// <summary>Takes libbpf's messages off stderr. Once is enough; more do no harm.</summary>
    public static void Silence()
    {
    }

    /// <summary>Runs <paramref name="action"/>; what libbpf said meanwhile is in <paramref name="messages"/>.</summary>
    public static T Capture<T>(Func<T> action, out string messages)
    {
        _capture = new StringBuilder();
        try
        {
            T result = action();
            messages = _capture.ToString().Trim();
            return result;
        }
        finally
        {
            _capture = null;
        }
    }

    [UnmanagedCallersOnly]
    private static int Print(int level, byte* format, nint arguments)
    {
        if (level != Warning || _capture is not { } capture)
        {
            return 0;
        }

        byte* buffer = stackalloc byte[LongestMessage];
        int length = LibC.FormatArguments(buffer, LongestMessage, format, arguments);
        if (length > 0)
        {
            capture.Append(Encoding.UTF8.GetString(buffer, Math.Min(length, LongestMessage - 1)));
        }

        return length;
    }
}
