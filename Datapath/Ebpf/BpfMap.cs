using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath.Ebpf;

/// <summary>A map of a <see cref="BpfObject"/>; valid as long as that.</summary>
internal readonly struct BpfMap
{
    private readonly nint _map;

    internal BpfMap(string name, nint map)
    {
        Name = name;
        _map = map;
    }

    /// <summary>Its name in the object.</summary>
    public string Name { get; }

    /// <summary>File descriptor; negative before load.</summary>
    public int Fd => LibBpf.MapFd(_map);

    /// <summary>Bytes of a value.</summary>
    public int ValueSize => (int)LibBpf.MapValueSize(_map);

    /// <summary>How many values there are.</summary>
    public int MaxEntries => (int)LibBpf.MapMaxEntries(_map);

    /// <summary>Sets the number of values, before load.</summary>
    public void Resize(int count)
    {
        int result = LibBpf.MapSetMaxEntries(_map, (uint)count);
        if (result < 0)
        {
            throw Errno.Failed($"sizing map {Name} to {count}", -result);
        }
    }

    /// <summary>
    /// Has the object use a map that is there instead of a new one, before load and after <see cref="Resize"/>.
    /// </summary>
    /// <exception cref="InvalidDataException">It is defined otherwise.</exception>
    public void Reuse(int fd, in LibBpf.MapInfo there)
    {
        (uint Type, uint Key, uint Value, uint Entries, uint Flags) wanted =
            (LibBpf.MapType(_map), LibBpf.MapKeySize(_map), LibBpf.MapValueSize(_map), LibBpf.MapMaxEntries(_map), LibBpf.MapFlags(_map));
        (uint Type, uint Key, uint Value, uint Entries, uint Flags) found = (there.Type, there.KeySize, there.ValueSize, there.MaxEntries, there.Flags);
        if (found != wanted)
        {
            throw new InvalidDataException(
                $"map {Name} has type {found.Type}, keys of {found.Key} and values of {found.Value} bytes, {found.Entries} entries, flags 0x{found.Flags:x}; "
                + $"wanted are {wanted.Type}, {wanted.Key}, {wanted.Value}, {wanted.Entries}, 0x{wanted.Flags:x}");
        }

        int result = LibBpf.MapReuse(_map, fd);
        if (result < 0)
        {
            throw Errno.Failed($"taking over map {Name}", -result);
        }
    }

    /// <summary>Maps the values of a loaded BPF_F_MMAPABLE array.</summary>
    /// <exception cref="DatapathException">The size of a value is not that of <typeparamref name="T"/>, or the kernel
    /// refuses.</exception>
    public MappedArray<T> MapValues<T>()
        where T : unmanaged
    {
        if (ValueSize != Unsafe.SizeOf<T>())
        {
            throw new DatapathException($"values of map {Name} have {ValueSize} bytes, {typeof(T).Name} has {Unsafe.SizeOf<T>()}");
        }

        return new MappedArray<T>(this);
    }
}

/// <summary>
/// The values of an array map in this process's memory: read and written without a system call, while programs do the same.
/// Any thread; who may write what, and in which order, is the matter of the map's users (docs/datapath-abi.md).
/// </summary>
/// <remarks>The memory stays mapped until nobody refers to this object any more, so that a late reader can't fault.</remarks>
#pragma warning disable CA1001 // not disposable on purpose, see above
internal sealed unsafe class MappedArray<T>
#pragma warning restore CA1001
    where T : unmanaged
{
    private readonly MappedMemoryHandle _memory;
    private readonly T* _values;

    internal MappedArray(BpfMap map)
    {
        Length = map.MaxEntries;

        // The kernel rounds a value's size up to 8 bytes, and the whole to pages.
        if (sizeof(T) % 8 != 0)
        {
            throw new DatapathException($"values of map {map.Name} have {sizeof(T)} bytes, no multiple of 8");
        }

        (_memory, nint address) = Map(Length, LibC.MapShared, map.Fd, $"mapping map {map.Name}");
        _values = (T*)address;
    }

    /// <summary>Zeroed memory that no program knows.</summary>
    internal MappedArray(int length)
    {
        Length = length;
        (_memory, nint address) = Map(length, LibC.MapShared | LibC.MapAnonymous, -1, "taking memory");
        _values = (T*)address;
    }

    /// <summary>How many there are.</summary>
    public int Length { get; }

    /// <summary>A value, in place.</summary>
    public ref T this[int index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            if ((uint)index >= (uint)Length)
            {
                throw new ArgumentOutOfRangeException(nameof(index));
            }

            return ref _values[index];
        }
    }

    private static (MappedMemoryHandle Memory, nint Address) Map(int length, int flags, int fd, string what)
    {
        nuint size = (((nuint)length * (nuint)sizeof(T)) + (nuint)Environment.SystemPageSize - 1) & ~((nuint)Environment.SystemPageSize - 1);
        nint address = LibC.MemoryMap(0, size, LibC.ProtRead | LibC.ProtWrite, flags, fd, 0);
        return address == -1
            ? throw Errno.Failed(what, Marshal.GetLastPInvokeError())
            : (new MappedMemoryHandle(address, size), address);
    }
}
