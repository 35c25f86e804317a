namespace OvsBridge.Datapath.Interop;

/// <summary>
/// Marks the mirror of a struct of bpf/abi.h. <c>AbiTests</c> finds these by reflection and compares size and field offsets
/// with the BTF of the built BPF object. A C# field corresponds to the C member whose name is the same without underscores
/// and case; fields whose names start with Pad are padding.
/// </summary>
/// <param name="name">Name of the C struct, without <c>struct</c>.</param>
[AttributeUsage(AttributeTargets.Struct)]
public sealed class BpfStructAttribute(string name) : Attribute
{
    /// <summary>Name of the C struct, without <c>struct</c>.</summary>
    public string Name { get; } = name;
}
