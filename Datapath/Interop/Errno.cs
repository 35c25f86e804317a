using System.Runtime.InteropServices;

namespace OvsBridge.Datapath.Interop;

/// <summary>errno numbers of Linux on all architectures that .NET runs on, and their names.</summary>
internal static class Errno
{
    public const int EPERM = 1, ENOENT = 2, EINTR = 4, E2BIG = 7, EAGAIN = 11, ENOMEM = 12, EACCES = 13, EBUSY = 16, EEXIST = 17,
        ENODEV = 19, EINVAL = 22, ENOSPC = 28, EMSGSIZE = 90, EOPNOTSUPP = 95, EADDRINUSE = 98, ENETDOWN = 100, ENETUNREACH = 101, ENOBUFS = 105, EHOSTUNREACH = 113;

    private static readonly Dictionary<int, string> _names = typeof(Errno)
        .GetFields()
        .Where(f => f.IsLiteral)
        .ToDictionary(f => (int)f.GetRawConstantValue()!, f => f.Name);

    /// <summary>"EPERM (Operation not permitted)".</summary>
    public static string Describe(int errno) =>
        $"{_names.GetValueOrDefault(errno, $"errno {errno}")} ({Marshal.GetPInvokeErrorMessage(errno)})";

    /// <summary>An exception for a failed <paramref name="operation"/>, with what usually helps.</summary>
    public static DatapathException Failed(string operation, int errno)
    {
        string hint = errno is EPERM or EACCES ? ": needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, or root" : "";
        return new DatapathException($"{operation}: {Describe(errno)}{hint}", errno);
    }
}
