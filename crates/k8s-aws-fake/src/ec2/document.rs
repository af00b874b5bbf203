//! `DescribeInstancesResponse`, as wide as EC2 writes it.

use std::fmt::Write;

use crate::instances::Instance;
use crate::reply::xml;

/// So many instances share a reservation, as if they had been launched together.
const INSTANCES_PER_RESERVATION: usize = 3;

/// `reservationSet` and `nextToken`.
pub(super) fn reservations(instances: &[Instance], next: Option<&str>) -> String {
    let mut out = String::with_capacity(256 + instances.len() * 4608);
    out.push_str("    <reservationSet>\n");
    // Writing to a string does not fail.
    for launched in instances.chunks(INSTANCES_PER_RESERVATION) {
        let first = launched.first().map(|i| (digits(&i.id), xml(&i.owner))).unwrap_or_default();
        let _ = write!(
            out,
            "        <item>\n            <reservationId>r-{}</reservationId>\n            <ownerId>{}</ownerId>\n            \
             <groupSet/>\n            <instancesSet>\n",
            first.0, first.1
        );
        for (index, instance) in launched.iter().enumerate() {
            write_instance(&mut out, instance, index);
        }
        out.push_str("            </instancesSet>\n        </item>\n");
    }
    out.push_str("    </reservationSet>\n");
    if let Some(token) = next {
        let _ = writeln!(out, "    <nextToken>{token}</nextToken>");
    }
    out
}

/// An instance with about as much around its name as EC2 writes for a small node: texts that are elsewhere too, empty
/// elements, sets in sets, and tags that anybody could have written.
fn write_instance(out: &mut String, instance: &Instance, index: usize) {
    let Instance { id, owner, region, private_dns_name } = instance;
    let (id, owner, region) = (xml(id), xml(owner), xml(region));
    let name = xml(private_dns_name.as_deref().unwrap_or_default());
    let (tail, at) = (digits(&instance.id), "2026-01-15T09:30:00.000Z");
    let running = private_dns_name.is_some();
    let (code, state) = if running { (16, "running") } else { (0, "pending") };
    let _ = write!(
        out,
        r#"                <item>
                    <instanceId>{id}</instanceId>
                    <imageId>ami-0a1b2c3d4e5f60718</imageId>
                    <bootMode>uefi-preferred</bootMode>
                    <currentInstanceBootMode>uefi</currentInstanceBootMode>
                    <instanceState>
                        <code>{code}</code>
                        <name>{state}</name>
                    </instanceState>
                    <privateDnsName>{name}</privateDnsName>
                    <dnsName/>
                    <reason/>
                    <amiLaunchIndex>{index}</amiLaunchIndex>
                    <productCodes/>
                    <instanceType>m5.large</instanceType>
                    <launchTime>{at}</launchTime>
                    <placement>
                        <availabilityZone>{region}a</availabilityZone>
                        <groupName/>
                        <tenancy>default</tenancy>
                    </placement>
                    <monitoring>
                        <state>disabled</state>
                    </monitoring>
                    <subnetId>subnet-{tail}</subnetId>
                    <vpcId>vpc-{tail}</vpcId>
                    <privateIpAddress>10.0.0.1</privateIpAddress>
                    <sourceDestCheck>true</sourceDestCheck>
                    <groupSet>
                        <item>
                            <groupId>sg-{tail}</groupId>
                            <groupName>nodes</groupName>
                        </item>
                    </groupSet>
                    <architecture>x86_64</architecture>
                    <rootDeviceType>ebs</rootDeviceType>
                    <rootDeviceName>/dev/xvda</rootDeviceName>
                    <blockDeviceMapping>
                        <item>
                            <deviceName>/dev/xvda</deviceName>
                            <ebs>
                                <volumeId>vol-{tail}</volumeId>
                                <status>attached</status>
                                <attachTime>{at}</attachTime>
                                <deleteOnTermination>true</deleteOnTermination>
                            </ebs>
                        </item>
                    </blockDeviceMapping>
                    <virtualizationType>hvm</virtualizationType>
                    <clientToken>fleet-{tail}</clientToken>
                    <tagSet>
                        <item>
                            <key>Name</key>
                            <value>node &lt;{index}&gt; &amp; &quot;friends&quot;</value>
                        </item>
                        <item>
                            <key>privateDnsName</key>
                            <value>tags-are-anybodys.example</value>
                        </item>
                        <item>
                            <key>aws:autoscaling:groupName</key>
                            <value>nodes</value>
                        </item>
                    </tagSet>
                    <hypervisor>xen</hypervisor>
                    <networkInterfaceSet>
                        <item>
                            <networkInterfaceId>eni-{tail}</networkInterfaceId>
                            <subnetId>subnet-{tail}</subnetId>
                            <vpcId>vpc-{tail}</vpcId>
                            <description/>
                            <ownerId>{owner}</ownerId>
                            <status>in-use</status>
                            <macAddress>02:00:00:00:00:01</macAddress>
                            <privateIpAddress>10.0.0.1</privateIpAddress>
                            <privateDnsName>eni-{tail}.example</privateDnsName>
                            <sourceDestCheck>true</sourceDestCheck>
                            <groupSet>
                                <item>
                                    <groupId>sg-{tail}</groupId>
                                    <groupName>nodes</groupName>
                                </item>
                            </groupSet>
                            <attachment>
                                <attachmentId>eni-attach-{tail}</attachmentId>
                                <deviceIndex>0</deviceIndex>
                                <networkCardIndex>0</networkCardIndex>
                                <status>attached</status>
                                <attachTime>{at}</attachTime>
                                <deleteOnTermination>true</deleteOnTermination>
                            </attachment>
                            <privateIpAddressesSet>
                                <item>
                                    <privateIpAddress>10.0.0.1</privateIpAddress>
                                    <privateDnsName>eni-{tail}.example</privateDnsName>
                                    <primary>true</primary>
                                </item>
                            </privateIpAddressesSet>
                            <ipv6AddressesSet/>
                            <interfaceType>interface</interfaceType>
                        </item>
                    </networkInterfaceSet>
                    <iamInstanceProfile>
                        <arn>arn:aws:iam::{owner}:instance-profile/worker-node</arn>
                        <id>AIPAIOSFODNN7EXAMPLE</id>
                    </iamInstanceProfile>
                    <ebsOptimized>true</ebsOptimized>
                    <enaSupport>true</enaSupport>
                    <cpuOptions>
                        <coreCount>1</coreCount>
                        <threadsPerCore>2</threadsPerCore>
                    </cpuOptions>
                    <metadataOptions>
                        <state>applied</state>
                        <httpTokens>required</httpTokens>
                        <httpPutResponseHopLimit>2</httpPutResponseHopLimit>
                        <httpEndpoint>enabled</httpEndpoint>
                    </metadataOptions>
                    <enclaveOptions>
                        <enabled>false</enabled>
                    </enclaveOptions>
                    <privateDnsNameOptions>
                        <hostnameType>ip-name</hostnameType>
                        <enableResourceNameDnsARecord>false</enableResourceNameDnsARecord>
                    </privateDnsNameOptions>
                </item>
"#
    );
}

/// The part of an id behind its dash, for the ids of what belongs to it.
fn digits(id: &str) -> String {
    id.rsplit('-').next().unwrap_or_default().bytes().filter(u8::is_ascii_hexdigit).map(char::from).collect()
}
