using System.Runtime.CompilerServices;
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
