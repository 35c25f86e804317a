namespace OvsBridge.OpenFlow.Fields;

/// <summary>
/// What is known of a packet's headers: from a match that it fits, and from the actions done to it since. Answers whether
/// a field exists (<see cref="Prerequisite"/>).
/// </summary>
/// <remarks>"Not known" is not "absent": a prerequisite holds only when the packet certainly has the header.</remarks>
internal struct ProtocolState
{
    private const int Unknown = -1;

    private int _ethType;
    private int _ipProto;
    private int _icmpType;
    private int _icmpCode;
    private bool _inPort;
    private Covered? _covered;

    /// <summary>What a match says, or with a mask of all ones, a packet.</summary>
    public ProtocolState(in FlowKey value, in FlowKey mask)
    {
        _inPort = mask.InPort != 0;
        VlanTags = (value.VlanTci & mask.VlanTci & FlowKey.VlanPresent) != 0 ? 1 : 0;
        _ethType = mask.EthType == 0xffff ? value.EthType : Unknown;
        _ipProto = mask.IpProto == 0xff ? value.IpProto : Unknown;
        _icmpType = (mask.TpSrc & 0xff) == 0xff ? value.TpSrc & 0xff : Unknown;
        _icmpCode = (mask.TpDst & 0xff) == 0xff ? value.TpDst & 0xff : Unknown;
    }

    /// <summary>VLAN tags that are certainly there.</summary>
    public int VlanTags { get; private set; }

    /// <summary>Whether a field that needs <paramref name="what"/> exists.</summary>
    public readonly bool Meets(Prerequisite what) => what switch
    {
        Prerequisite.None => true,
        Prerequisite.Vlan => VlanTags > 0,
        Prerequisite.Ipv4 => _ethType == 0x0800,
        Prerequisite.Ipv6 => _ethType == 0x86dd,
        Prerequisite.Ip => _ethType is 0x0800 or 0x86dd,
        Prerequisite.Arp => _ethType is 0x0806 or 0x8035,
        Prerequisite.Mpls => _ethType is 0x8847 or 0x8848,
        Prerequisite.Pbb => _ethType == 0x88e7,
        Prerequisite.Tcp => Meets(Prerequisite.Ip) && _ipProto == 6,
        Prerequisite.Udp => Meets(Prerequisite.Ip) && _ipProto == 17,
        Prerequisite.Sctp => Meets(Prerequisite.Ip) && _ipProto == 132,
        Prerequisite.Icmpv4 => Meets(Prerequisite.Ipv4) && _ipProto == 1,
        Prerequisite.Icmpv6 => Meets(Prerequisite.Ipv6) && _ipProto == 58,
        Prerequisite.Nd => Meets(Prerequisite.NdSolicit) || Meets(Prerequisite.NdAdvert),
        // RFC 4861: the code is 0; a match that leaves it open will do, one for another code contradicts.
        Prerequisite.NdSolicit => Meets(Prerequisite.Icmpv6) && _icmpType == 135 && _icmpCode is 0 or Unknown,
        Prerequisite.NdAdvert => Meets(Prerequisite.Icmpv6) && _icmpType == 136 && _icmpCode is 0 or Unknown,
        Prerequisite.InPort => _inPort,
        _ => false,
    };

    /// <summary>A field was set to <paramref name="value"/>.</summary>
    public void Set(Field field, UInt128 value)
    {
        if (field == FieldTable.EthType)
        {
            _covered = null;
            SetEthType((int)value);
        }
        else if (field == FieldTable.IpProto)
            _ipProto = (int)value;
        else if (field == FieldTable.Icmpv4Type || field == FieldTable.Icmpv6Type)
            _icmpType = (int)value;
        else if (field == FieldTable.Icmpv4Code || field == FieldTable.Icmpv6Code)
            _icmpCode = (int)value;
    }

    /// <summary>A VLAN tag was pushed.</summary>
    public void PushVlan() => VlanTags++;

    /// <summary>The outer VLAN tag was popped; whether another follows is not known.</summary>
    public void PopVlan() => VlanTags = int.Max(0, VlanTags - 1);

    /// <summary>A label was pushed, in front of all tags: what was there is payload now.</summary>
    public void PushMpls(int ethType) => Push(ethType, pbb: false);

    /// <summary>A label was popped; <paramref name="ethType"/> says what follows, and behind that of a tag may follow anything that was not there before the push.</summary>
    public void PopMpls(int ethType)
    {
        Covered? below = _covered is { Pbb: false } pushed ? pushed : null;
        _covered = below?.State._covered;
        if (ethType is not (0x8100 or 0x88a8))
        {
            SetEthType(ethType);
        }
        else if (below is { State.VlanTags: > 0 })
        {
            VlanTags += below.State.VlanTags;
            (_ethType, _ipProto, _icmpType, _icmpCode) = (below.State._ethType, below.State._ipProto, below.State._icmpType, below.State._icmpCode);
        }
        else
        {
            SetEthType(Unknown);
            VlanTags++;
        }
    }

    /// <summary>A PBB header was pushed: the whole frame is its payload now.</summary>
    public void PushPbb(int ethType) => Push(ethType, pbb: true);

    /// <summary>A PBB header was popped: the frame that it was pushed upon, or any other, is inside.</summary>
    public void PopPbb()
    {
        if (_covered is { Pbb: true } pushed && VlanTags == 0)
        {
            this = pushed.State;
            return;
        }

        _covered = null;
        SetEthType(Unknown);
        VlanTags = 0;
    }

    private void Push(int ethType, bool pbb)
    {
        _covered = new Covered(this, pbb);
        VlanTags = 0;
        SetEthType(ethType);
    }

    /// <summary>The ethertype is now <paramref name="ethType"/>; what is behind it is not known.</summary>
    private void SetEthType(int ethType)
    {
        _ethType = ethType;
        _ipProto = _icmpType = _icmpCode = Unknown;
    }

    /// <summary>What a pushed header has below it.</summary>
    private sealed record Covered(ProtocolState State, bool Pbb);
}
