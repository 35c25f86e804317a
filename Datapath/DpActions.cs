using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace OvsBridge.Datapath;

/// <summary>
/// An immutable action program in the encoding of bpf/abi.h: <c>struct dp_action</c> headers, each with its payload. The
/// same bytes run in the kernel and in <c>DpActionExecutor</c>; two programs are equal when their bytes are.
/// </summary>
public sealed class DpActions : IEquatable<DpActions>
{
    private readonly byte[] _bytes;

    private DpActions(byte[] bytes) => _bytes = bytes;

    /// <summary>The empty program: the packet is dropped.</summary>
    public static DpActions Drop { get; } = new([]);

    /// <summary>The encoded program; its length is a multiple of 8.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Whether there is nothing in it.</summary>
    public bool IsEmpty => _bytes.Length == 0;

    /// <summary>A copy of an encoded program, as a <see cref="DpActionWriter"/> has it.</summary>
    public static DpActions FromBytes(ReadOnlySpan<byte> bytes) => bytes.IsEmpty ? Drop : new(bytes.ToArray());

    /// <summary>Goes through the actions.</summary>
    public DpActionReader GetEnumerator() => new(_bytes);

    /// <inheritdoc/>
    public bool Equals(DpActions? other) => other is not null && _bytes.AsSpan().SequenceEqual(other._bytes);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as DpActions);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        HashCode hash = default;
        hash.AddBytes(_bytes);
        return hash.ToHashCode();
    }
}

/// <summary>One action of a program: a view into its bytes.</summary>
public readonly ref struct DpActionView
{
    internal DpActionView(ReadOnlySpan<byte> bytes)
    {
        Bytes = bytes;
    }

    /// <summary>Header and payload.</summary>
    public ReadOnlySpan<byte> Bytes { get; }

    /// <summary>What it does.</summary>
    public DpActionType Type => (DpActionType)MemoryMarshal.Read<ushort>(Bytes);

    /// <summary>Its argument.</summary>
    public uint Arg => MemoryMarshal.Read<uint>(Bytes[4..]);

    /// <summary>What follows the header.</summary>
    public ReadOnlySpan<byte> Payload => Bytes[8..];

    /// <summary>The payload as a struct of <c>Interop/Abi.cs</c>, at <paramref name="index"/> times its size.</summary>
    public T Read<T>(int index = 0)
        where T : unmanaged => MemoryMarshal.Read<T>(Payload[(index * Unsafe.SizeOf<T>())..]);
}

/// <summary>Enumerates the actions of an encoded program.</summary>
public ref struct DpActionReader
{
    private ReadOnlySpan<byte> _rest;
    private ReadOnlySpan<byte> _current;

    internal DpActionReader(ReadOnlySpan<byte> bytes) => _rest = bytes;

    /// <summary>The action that <see cref="MoveNext"/> came to.</summary>
    public readonly DpActionView Current => new(_current);

    /// <summary>Goes on to the next action.</summary>
    /// <exception cref="InvalidDataException">The program is malformed (only possible for bytes that came from a map).</exception>
    public bool MoveNext()
    {
        if (_rest.IsEmpty)
        {
            return false;
        }

        int length = _rest.Length < 8 ? 0 : MemoryMarshal.Read<ushort>(_rest[2..]);
        if (length < 8 || length > _rest.Length || length % 8 != 0)
        {
            throw new InvalidDataException($"datapath action of length {length} with {_rest.Length} bytes left");
        }

        _current = _rest[..length];
        _rest = _rest[length..];
        return true;
    }
}

/// <summary>Builds an encoded program; reusable, so that translation does not allocate. Not thread safe.</summary>
public sealed class DpActionWriter
{
    private readonly ArrayBufferWriter<byte> _buffer = new(256);

    /// <summary>What was written so far.</summary>
    public ReadOnlySpan<byte> Written => _buffer.WrittenSpan;

    /// <summary>Number of actions written.</summary>
    public int Count { get; private set; }

    /// <summary>Starts anew.</summary>
    public void Clear()
    {
        _buffer.ResetWrittenCount();
        Count = 0;
    }

    /// <summary>Appends an action without payload.</summary>
    public void Add(DpActionType type, uint arg = 0) => Header(type, arg, 0);

    /// <summary>Appends an action with one payload struct.</summary>
    public void Add<T>(DpActionType type, uint arg, in T payload)
        where T : unmanaged
    {
        Header(type, arg, Unsafe.SizeOf<T>());
        Append(payload);
    }

    /// <summary>Appends an action with two payload structs: value and mask.</summary>
    public void Add<T>(DpActionType type, uint arg, in T value, in T mask)
        where T : unmanaged
    {
        Header(type, arg, 2 * Unsafe.SizeOf<T>());
        Append(value);
        Append(mask);
    }

    /// <summary>Appends an action whose payload is at hand as bytes; a multiple of 8.</summary>
    internal void AddBytes(DpActionType type, uint arg, ReadOnlySpan<byte> payload)
    {
        Header(type, arg, payload.Length);
        _buffer.Write(payload);
    }

    /// <summary>Appends encoded actions.</summary>
    public void Add(DpActions program)
    {
        foreach (DpActionView action in program)
        {
            _buffer.Write(action.Bytes);
            Count++;
        }
    }

    /// <summary>The program as a value.</summary>
    public DpActions ToActions() => DpActions.FromBytes(Written);

    /// <summary>Inserts an action without payload before the one at <paramref name="offset"/> bytes of <see cref="Written"/>.</summary>
    public void Insert(int offset, DpActionType type, uint arg = 0)
    {
        byte[] written = Written.ToArray();
        int count = Count;
        Clear();
        _buffer.Write(written.AsSpan(0, offset));
        Header(type, arg, 0);
        _buffer.Write(written.AsSpan(offset));
        Count = count + 1;
    }

    private void Header(DpActionType type, uint arg, int payload)
    {
        Span<byte> header = _buffer.GetSpan(8);
        MemoryMarshal.Write(header, (ushort)type);
        MemoryMarshal.Write(header[2..], checked((ushort)(8 + payload)));
        MemoryMarshal.Write(header[4..], arg);
        _buffer.Advance(8);
        Count++;
    }

    private void Append<T>(in T payload)
        where T : unmanaged
    {
        int size = Unsafe.SizeOf<T>();
        MemoryMarshal.Write(_buffer.GetSpan(size), payload);
        _buffer.Advance(size);
    }
}
