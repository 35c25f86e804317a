using Microsoft.Win32.SafeHandles;

namespace OvsBridge.Datapath.Interop;

/// <summary>A file descriptor that is closed once nobody uses it.</summary>
internal sealed class SafeSocketFd : SafeHandleMinusOneIsInvalid
{
    public SafeSocketFd(int fd)
        : base(true) => SetHandle(fd);

    /// <summary>The number.</summary>
    public int Fd => (int)handle;

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => LibC.Close((int)handle) == 0;
}
