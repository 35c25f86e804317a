using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Text;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Datapath;

/// <summary>
/// Action programs in Open vSwitch's datapath notation: <c>set(ipv4(ttl=63)),push_vlan(vid=100,pcp=0),1,pop_vlan,2</c>.
/// </summary>
/// <remarks>
/// Save and restore appear as <c>clone(...)</c>. Open vSwitch lacks push_mpls_front(..), push_pbb(isid=..), pop_pbb, set(pbb(..)),
/// copy_ttl_out, copy_ttl_in and dec_mpls_ttl; its <c>userspace(...)</c> has no cookie=, and no meter(..): there it
/// is <c>clone(meter(..),userspace(..))</c>.
/// </remarks>
public static class DpActionsText
{
    /// <summary>The program, or <c>drop</c> when it is empty.</summary>
    /// <param name="actions">The program.</param>
    /// <param name="ports">Names for ports, or null.</param>
    /// <param name="key">The megaflow's masked key: tells whether tp_src and tp_dst are TCP's or UDP's. Default: not known.</param>
    /// <param name="userspace">What user space would do with a packet: the text behind <c>userspace(pid=0,</c>; null, or null returned: reason and cookie.</param>
    public static string Print(
        DpActions actions, PortNames? ports = null, in FlowKey key = default, Func<UpcallReason, DpUserspace, string?>? userspace = null)
    {
        DpActionsPrinter printer = new(ports, key, userspace);
        foreach (DpActionView action in actions)
        {
            printer.Add(action);
        }

        return printer.Finish();
    }

    /// <summary>Reads a program; <c>drop</c> or nothing is the empty one.</summary>
    /// <exception cref="FlowSyntaxException">The text is wrong.</exception>
    public static DpActions Parse(string text, PortNames? ports = null)
    {
        DpActionsParser parser = new(ports);
        parser.Read(text, 0);
        return parser.Finish();
    }
}
