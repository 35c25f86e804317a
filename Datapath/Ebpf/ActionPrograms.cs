using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath.Ebpf;

/// <summary>
/// The action programs in map <c>action_blocks</c>. Flows with equal programs share one: there are few different ones in most
/// pipelines, and their blocks stay in the cache. Not thread safe.
/// </summary>
internal sealed unsafe class ActionPrograms(MappedArray<ActionBlock> blocks)
{
    private readonly IndexPool _free = new(1, blocks.Length); // block 0 means "none"
    private readonly Dictionary<DpActions, ActionProgram> _programs = [];

    /// <summary>How many different programs there are.</summary>
    public int Count => _programs.Count;

    /// <summary>Blocks left.</summary>
    public int FreeBlocks => _free.Free;

    /// <summary>The program with these actions, written if it is new; null when there is no space.</summary>
    /// <exception cref="ArgumentException">It has more actions than the datapath runs.</exception>
    public ActionProgram? Acquire(DpActions actions)
    {
        if (_programs.TryGetValue(actions, out ActionProgram? known))
        {
            known.Users++;
            return known;
        }

        List<int>? chain = Write(actions);
        if (chain is null)
        {
            return null;
        }

        ActionProgram program = new(actions, chain);
        _programs.Add(actions, program);
        return program;
    }

    /// <summary>
    /// Gives up one use. The last one takes the program out of the directory, and true says that its blocks are to be freed.
    /// </summary>
    public bool Release(ActionProgram program) => --program.Users == 0 && _programs.Remove(program.Actions);

    /// <summary>Takes back the blocks of a released program, which nobody runs any more.</summary>
    public void Free(ActionProgram program)
    {
        foreach (int block in program.Blocks)
        {
            _free.Return(block);
        }
    }

    /// <summary>Takes over a program that is in the map, for one flow more.</summary>
    /// <param name="first">Its first block; 0: the empty program.</param>
    /// <param name="known">Programs that were taken over before, by their first block; the new one is added.</param>
    /// <exception cref="InvalidDataException">It is malformed.</exception>
    public ActionProgram Adopt(uint first, Dictionary<uint, ActionProgram> known)
    {
        if (known.TryGetValue(first, out ActionProgram? program))
        {
            program.Users++;
            return program;
        }

        List<int> chain = [];
        List<byte> bytes = [];
        for (uint block = first; block != 0; block = blocks[(int)block].Next)
        {
            if (block >= (uint)blocks.Length || chain.Count == Abi.MaxActions)
            {
                throw new InvalidDataException($"the program at block {first} does not end, or leaves the map");
            }

            ref ActionBlock part = ref blocks[(int)block];
            if (part.Len > Abi.ActionData)
            {
                throw new InvalidDataException($"block {block} has {part.Len} bytes");
            }

            fixed (byte* data = part.Data)
            {
                bytes.AddRange(new ReadOnlySpan<byte>(data, part.Len));
            }

            chain.Add((int)block);
        }

        DpActions actions = DpActions.FromBytes(CollectionsMarshal.AsSpan(bytes));
        int count = 0;
        foreach (DpActionView action in actions)
        {
            count++;
            if (!Enum.IsDefined(action.Type))
            {
                throw new InvalidDataException($"the program at block {first} has an action {(int)action.Type}");
            }
        }

        program = new ActionProgram(actions, chain);
        if (count > Abi.MaxActions || !_programs.TryAdd(actions, program))
        {
            throw new InvalidDataException($"the program at block {first} is too long, or there twice");
        }

        known.Add(first, program);
        return program;
    }

    /// <summary>After the last <see cref="Adopt"/>: the blocks of these programs are in use.</summary>
    /// <exception cref="InvalidDataException">Two have a block in common.</exception>
    public void Reserve(IEnumerable<ActionProgram> adopted)
    {
        HashSet<int> used = [];
        if (!adopted.SelectMany(program => program.Blocks).All(used.Add))
        {
            throw new InvalidDataException("two programs have a block in common");
        }

        _free.Reserve(used);
    }

    private List<int>? Write(DpActions actions)
    {
        List<int> chain = [];
        int count = 0, used = Abi.ActionData;
        foreach (DpActionView action in actions)
        {
            if (++count > Abi.MaxActions)
            {
                ReturnAll(chain);
                throw new ArgumentException($"a program has at most {Abi.MaxActions} actions", nameof(actions));
            }

            ReadOnlySpan<byte> bytes = action.Bytes;
            if (used + bytes.Length > Abi.ActionData)
            {
                int block = _free.Take();
                if (block < 0)
                {
                    ReturnAll(chain);
                    return null;
                }

                blocks[block].Next = 0;
                blocks[block].Len = 0;
                if (chain.Count > 0)
                {
                    blocks[chain[^1]].Next = (uint)block;
                }

                chain.Add(block);
                used = 0;
            }

            ref ActionBlock last = ref blocks[chain[^1]];
            fixed (byte* data = last.Data)
            {
                bytes.CopyTo(new Span<byte>(data + used, Abi.ActionData - used));
            }

            used += bytes.Length;
            last.Len = (ushort)used;
        }

        return chain;
    }

    private void ReturnAll(List<int> chain)
    {
        foreach (int block in chain)
        {
            _free.Return(block);
        }
    }
}

/// <summary>A program in the map.</summary>
/// <param name="actions">Its actions.</param>
/// <param name="blocks">Its blocks, in order.</param>
internal sealed class ActionProgram(DpActions actions, List<int> blocks)
{
    /// <summary>Its actions.</summary>
    public DpActions Actions { get; } = actions;

    /// <summary>Its blocks, in order.</summary>
    public List<int> Blocks { get; } = blocks;

    /// <summary>First block; 0: the empty program.</summary>
    public uint First => Blocks.Count == 0 ? 0 : (uint)Blocks[0];

    /// <summary>Flows that run it.</summary>
    public int Users { get; set; } = 1;
}
