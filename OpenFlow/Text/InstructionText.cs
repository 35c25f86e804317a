using System.Globalization;
using System.Text;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.OpenFlow.Text;

/// <summary>
/// What stands behind <c>actions=</c> of a flow: instructions and, for apply_actions, the bare actions. Written in the
/// order in which a switch carries them out: meter, actions, clear_actions, write_actions, write_metadata, goto_table.
/// </summary>
public static class InstructionText
{
    // (rank in the order, word); apply_actions has no word
    private static readonly string[] _ranks = ["meter", "actions", "clear_actions", "write_actions", "write_metadata", "goto_table"];

    /// <summary>The instructions in canonical order, or <c>drop</c> when nothing is done.</summary>
    public static string Print(ValueList<OfInstruction> instructions, PortNames? ports = null)
    {
        StringBuilder text = new();
        foreach (OfInstruction instruction in instructions.OrderBy(Rank))
        {
            int start = text.Length;
            Append(text, instruction, ports);
            if (start > 0 && text.Length > start)
            {
                text.Insert(start, ',');
            }
        }

        return text.Length == 0 ? "drop" : text.ToString();
    }

    /// <summary>One instruction.</summary>
    public static string Print(OfInstruction instruction, PortNames? ports = null)
    {
        StringBuilder text = new();
        Append(text, instruction, ports);
        return text.Length == 0 ? "drop" : text.ToString();
    }

    /// <summary>Reads instructions. Actions behind an instruction that they would run before are an error, as in ovs-ofctl.</summary>
    /// <param name="text">The text behind <c>actions=</c>.</param>
    /// <param name="ports">Looks up names of ports, or null.</param>
    /// <param name="match">
    /// The flow's match: for OpenFlow 1.0's words (see <see cref="ActionText.Parse"/>), and actions that cannot apply to what it
    /// lets through are an error. Null: nothing is checked.
    /// </param>
    /// <exception cref="FlowSyntaxException">The text is wrong.</exception>
    public static ValueList<OfInstruction> Parse(string text, PortNames? ports = null, Match? match = null) =>
        Parse(text, ports, match, table: null);

    /// <summary>Reads the instructions of a flow in <paramref name="table"/>, if that is known.</summary>
    internal static ValueList<OfInstruction> Parse(string text, PortNames? ports, Match? match, byte? table)
    {
        List<OfInstruction> instructions = [];
        ActionParser actions = new(ports, match);
        int lastRank = -1;
        int firstAction = 0; // where apply_actions goes: behind a meter
        Word? firstInstruction = null;
        WordReader words = new(text);
        while (words.Read(out Word word))
        {
            int rank = Array.IndexOf(_ranks, word.Key);
            bool isAction = rank is -1 or 1;
            rank = isAction ? 1 : rank;
            if (rank < lastRank)
            {
                throw word.Error($"{(isAction ? "actions" : word.Key)} must stand before {_ranks[lastRank]}, which a switch carries out later");
            }

            if (rank == lastRank && !isAction)
            {
                throw word.Error($"{word.Key} stands here twice");
            }

            lastRank = rank;
            if (isAction)
            {
                actions.Add(word);
                continue;
            }

            firstInstruction ??= word;
            OfInstruction instruction = ParseInstruction(word, ports);
            if (match is not null && instruction is WriteActionsInstruction { Actions: var set } && ActionParser.SetProblem(match, set) is { } problem)
            {
                throw word.Error(problem);
            }

            if (instruction is GotoTableInstruction next && next.TableId <= table)
            {
                throw word.Error($"goes forward only: behind table {table}");
            }

            instructions.Add(instruction);
            firstAction = rank == 0 ? 1 : firstAction;
        }

        if (actions.Drop is { } drop && firstInstruction is not null)
        {
            throw drop.Error("drop stands alone");
        }

        ValueList<OfAction> apply = match is null ? actions.Finish() : actions.FinishChecked(match);
        if (apply.Count > 0)
        {
            instructions.Insert(firstAction, new ApplyActionsInstruction(apply));
        }

        return instructions.ToValueList();
    }

    private static OfInstruction ParseInstruction(in Word word, PortNames? ports)
    {
        switch (word.Key)
        {
            case "meter":
                return new MeterInstruction((uint)Numbers.Parse(word, word.Need("meter:ID"), "a meter id", Messages.MeterMod.MaxMeter, 1));
            case "clear_actions":
                word.NeedNoValue();
                return new ClearActionsInstruction();
            case "write_actions":
                if (word.Delimiter != '(')
                {
                    throw word.Error("needs write_actions(ACTIONS)");
                }

                try
                {
                    return new WriteActionsInstruction(ActionText.Parse(word.Value, ports));
                }
                catch (FlowSyntaxException inner)
                {
                    throw inner.At(word.ValuePosition);
                }

            case "write_metadata":
                return ParseMetadata(word);
            default:
                return new GotoTableInstruction(PortNames.ParseTable(word, ports, 254));
        }
    }

    private static WriteMetadataInstruction ParseMetadata(in Word word)
    {
        string text = word.Need("write_metadata:VALUE[/MASK]");
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        ulong mask = slash < 0 ? ulong.MaxValue : Numbers.Parse(word, text[(slash + 1)..], "a mask", ulong.MaxValue);
        return new WriteMetadataInstruction(Numbers.Parse(word, slash < 0 ? text : text[..slash], "metadata", ulong.MaxValue), mask);
    }

    private static int Rank(OfInstruction instruction) => instruction switch
    {
        MeterInstruction => 0,
        ApplyActionsInstruction => 1,
        ClearActionsInstruction => 2,
        WriteActionsInstruction => 3,
        WriteMetadataInstruction => 4,
        GotoTableInstruction => 5,
        _ => 6,
    };

    private static void Append(StringBuilder text, OfInstruction instruction, PortNames? ports)
    {
        switch (instruction)
        {
            case MeterInstruction i:
                text.Append(CultureInfo.InvariantCulture, $"meter:{i.MeterId}");
                break;
            case ApplyActionsInstruction i:
                ActionText.Append(text, i.Actions, ports);
                break;
            case ClearActionsInstruction:
                text.Append("clear_actions");
                break;
            case WriteActionsInstruction i:
                text.Append("write_actions(").Append(ActionText.Print(i.Actions, ports)).Append(')');
                break;
            case WriteMetadataInstruction i:
                text.Append("write_metadata:").Append(FieldValueText.Hex(i.Value));
                if (i.Mask != ulong.MaxValue)
                {
                    text.Append('/').Append(FieldValueText.Hex(i.Mask));
                }

                break;
            case GotoTableInstruction i:
                text.Append("goto_table:").Append(PortNames.PrintTable(i.TableId, ports));
                break;
            case ExperimenterInstruction i:
                text.Append(CultureInfo.InvariantCulture, $"experimenter_instruction(0x{i.Experimenter:x8},{Convert.ToHexStringLower(i.Body.AsSpan())})");
                break;
            default:
                throw new ArgumentException($"no text for {instruction.GetType().Name}", nameof(instruction));
        }
    }
}
