using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Links;

namespace OvsBridge.Datapath.Ebpf;

/// <summary>Asks for the tables of a former process that ended without taking them away.</summary>
/// <param name="Owner">Whose tables: equal for the processes that follow one another, different for any other.</param>
/// <param name="Ports">The ports that are going to be added first; the tables are found by the programs on their interfaces.</param>
public sealed record AdoptionRequest(ulong Owner, IReadOnlyList<DpPort> Ports);

/// <summary>
/// The maps of a dead process's datapath, found by its program on an interface: filter, program, maps
/// (docs/datapath-abi.md, "What outlives the process").
/// </summary>
/// <remarks>Holds descriptors until dispose; the tables' ownership, which another daemon of this network namespace can't have meanwhile, goes on to who takes it.</remarks>
internal sealed unsafe class Adoption : IDisposable
{
    /// <summary>What the former process and the new one share. The rest belongs to one process or one build.</summary>
    private static readonly string[] _shared =
    [
        ".data.table_head", "in_ports", "out_ports", "masks", "mask_lists", "mask_hits", "buckets", "flows", "flow_stats",
        "action_blocks", "meters", "meter_bands", "drop_stats", "dp_stats", "upcall_budgets", "port_stats",
    ];

    private readonly Dictionary<string, (SafeSocketFd Fd, LibBpf.MapInfo Info)> _maps = [];
    private Socket? _ownership;

    /// <summary>The kernel's number for the tables.</summary>
    public uint Tables { get; private set; }

    private Adoption()
    {
    }

    /// <summary>Opens the tables that programs name.</summary>
    /// <param name="programs">Numbers of the programs on our interfaces, at least one.</param>
    /// <exception cref="InvalidDataException">They are not what a former process of ours leaves; the message says why.</exception>
    public static Adoption Open(IEnumerable<uint> programs)
    {
        Adoption adoption = new();
        try
        {
            uint? tables = null;
            foreach (uint program in programs.Distinct())
            {
                Dictionary<string, (SafeSocketFd Fd, LibBpf.MapInfo Info)> maps = MapsOf(program);
                uint head = maps.TryGetValue(Truncated(_shared[0]), out (SafeSocketFd, LibBpf.MapInfo Info) found) ? found.Info.Id : 0;
                if (tables is null)
                {
                    tables = head;
                    foreach ((string name, (SafeSocketFd, LibBpf.MapInfo) map) in maps)
                    {
                        adoption._maps.Add(name, map);
                    }
                }
                else
                {
                    foreach ((SafeSocketFd fd, _) in maps.Values)
                    {
                        fd.Dispose();
                    }

                    if (tables != head)
                    {
                        throw new InvalidDataException("the programs on the interfaces have different tables");
                    }
                }
            }

            if (tables is null or 0)
            {
                throw new InvalidDataException($"the program on the interfaces has no map {_shared[0]}");
            }

            adoption.Tables = tables.Value;
            adoption._ownership = Ownership.Take($"tables/{tables}", "of these tables");
            return adoption;
        }
        catch
        {
            adoption.Dispose();
            throw;
        }
    }

    /// <summary>Whether a program uses these tables; false also when it is not for us to know.</summary>
    public static bool Uses(uint program, uint tables)
    {
        try
        {
            Dictionary<string, (SafeSocketFd Fd, LibBpf.MapInfo Info)> maps = MapsOf(program);
            foreach ((SafeSocketFd fd, _) in maps.Values)
            {
                fd.Dispose();
            }

            return maps.TryGetValue(Truncated(_shared[0]), out (SafeSocketFd, LibBpf.MapInfo Info) found) && found.Info.Id == tables;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    /// <summary>Has an object use the tables, before it is loaded and after its maps have their sizes.</summary>
    /// <exception cref="InvalidDataException">There is a table less, or of another definition.</exception>
    public void Reuse(BpfObject bpf)
    {
        foreach (string name in _shared)
        {
            if (!_maps.TryGetValue(Truncated(name), out (SafeSocketFd Fd, LibBpf.MapInfo Info) map))
            {
                throw new InvalidDataException($"there is no map {name}");
            }

            bpf.Map(name).Reuse(map.Fd.Fd, map.Info);
        }
    }

    /// <summary>Checks whose tables these are, and by which rules they were written.</summary>
    /// <exception cref="InvalidDataException">Not ours.</exception>
    public static void Check(in TableHead head, ulong owner)
    {
        if (head.AbiVersion != Abi.Version)
        {
            throw new InvalidDataException(head.AbiVersion == 0
                ? "they are not complete, or of a version that left none to take over"
                : $"they have ABI version {head.AbiVersion}, this program {Abi.Version}");
        }

        if (head.Owner != owner)
        {
            throw new InvalidDataException("they belong to a bridge of another name or run directory");
        }
    }

    /// <summary>The ownership of the tables, which the caller is to keep.</summary>
    public Socket? TakeOwnership()
    {
        Socket? ownership = _ownership;
        _ownership = null;
        return ownership;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ownership?.Dispose();
        foreach ((SafeSocketFd fd, _) in _maps.Values)
        {
            fd.Dispose();
        }
    }

    /// <summary>The maps that a program uses, by the kernel's names for them.</summary>
    private static Dictionary<string, (SafeSocketFd Fd, LibBpf.MapInfo Info)> MapsOf(uint program)
    {
        using SafeSocketFd fd = Opened(LibBpf.ProgramById(program), "the program");
        LibBpf.ProgramInfo info = default;
        uint* ids = stackalloc uint[64];
        info.MapCount = 64;
        info.MapIds = ids;
        uint size = (uint)sizeof(LibBpf.ProgramInfo);
        Succeed(LibBpf.InfoByFd(fd.Fd, &info, &size), "the program");
        if (info.Type != LibBpf.ProgramTypeSchedCls || info.CreatedByUid != LibC.EffectiveUserId())
        {
            throw new InvalidDataException($"the program on the interfaces has type {info.Type} and was loaded by user {info.CreatedByUid}");
        }

        Dictionary<string, (SafeSocketFd Fd, LibBpf.MapInfo Info)> maps = [];
        for (int i = 0; i < (int)Math.Min(info.MapCount, 64); i++)
        {
            SafeSocketFd map = Opened(LibBpf.MapById(ids[i]), "a map");
            LibBpf.MapInfo about = default;
            size = (uint)sizeof(LibBpf.MapInfo);
            Succeed(LibBpf.InfoByFd(map.Fd, &about, &size), "a map");
            string name = Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(about.Name));
            if (!maps.TryAdd(name, (map, about)))
            {
                map.Dispose();
                throw new InvalidDataException($"there are two maps {name}");
            }
        }

        return maps;
    }

    private static SafeSocketFd Opened(int result, string what)
    {
        Succeed(result, what);
        return new SafeSocketFd(result);
    }

    private static void Succeed(int result, string what)
    {
        if (result < 0)
        {
            throw new InvalidDataException($"opening {what}: {Errno.Describe(-result)}{(result == -Errno.EPERM ? ": needs CAP_SYS_ADMIN" : "")}");
        }
    }

    /// <summary>BPF_OBJ_NAME_LEN less the final zero.</summary>
    private static string Truncated(string name) => name[..Math.Min(name.Length, 15)];
}

/// <summary>How taking over went.</summary>
/// <param name="Refusal">Why not, or null.</param>
/// <param name="Flows">Megaflows taken over.</param>
/// <param name="Masks">Their masks.</param>
public sealed record AdoptionReport(string? Refusal, int Flows, int Masks);
