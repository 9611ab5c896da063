"""Teachers' log probabilities on the 48x48 grey faces."""
import json, sys, numpy as np, torch, torch.nn.functional as F, cv2, onnxruntime as ort
torch.set_num_threads(1); cv2.setNumThreads(1)
L=("angry","disgust","fear","happy","sad","surprise","neutral")
SH='../shared/models/'
class Big:
    def __init__(s, base='pk/h9/package/models/emotion-large'):
        j=json.load(open(base+'.json')); raw=open(base+'.bin','rb').read(); at=0; w={}
        for g in j['weightsManifest']:
            for t in g['weights']:
                n=int(np.prod(t['shape'])) ; w[t['name'].split('model_1/')[-1]]=np.frombuffer(raw,np.float32 if t['dtype']=='float32' else np.int32,n,at).reshape(t['shape']); at+=4*n
        assert at==len(raw)
        t=lambda k: torch.from_numpy(w[k].transpose(3,2,0,1).copy())
        b=lambda k: torch.from_numpy(w[k].copy())
        dw=lambda k: torch.from_numpy(w[k].transpose(2,3,0,1).copy())
        s.c=[(t(f'conv2d_{i}/Conv2D_weights'),b(f'conv2d_{i}/Conv2D_bn_offset')) for i in (1,2,3,4)]
        s.p=[(t(f'separable_conv2d_{i}/separable_conv2d_weights'),b(f'separable_conv2d_{i}/separable_conv2d_bn_offset')) for i in (1,2,3,4)]
        s.d=[dw(k) for k in ('unknown_9','unknown_15','unknown_26','unknown_32')]
        s.last=(t('unknown_43'),b('unknown_44'))
    def __call__(s,x): # n,1,64,64 in -1..1
        x=x.contiguous(memory_format=torch.channels_last)
        x=F.relu(F.conv2d(x,*s.c[0],stride=2)); x=F.relu(F.conv2d(x,*s.c[1]))
        sep=lambda x,i: F.conv2d(F.conv2d(x,s.d[i],padding=1,groups=x.shape[1]),*s.p[i])
        r=F.conv2d(x,*s.c[2],stride=2); y=sep(F.relu(sep(x,0)),1); x=F.max_pool2d(y,3,2,1)+r
        r=F.conv2d(x,*s.c[3],stride=2); y=sep(F.relu(sep(F.relu(x),2)),3); x=F.max_pool2d(y,3,2,1)+r
        return F.log_softmax(F.conv2d(x,*s.last,padding=1).mean((2,3)),1)
def sess(p):
    o=ort.SessionOptions(); o.intra_op_num_threads=o.inter_op_num_threads=1
    return ort.InferenceSession(p,o,providers=['CPUExecutionProvider'])
big=Big()
fer=sess(SH+'float/emotion_fer.onnx'); fa=sess(SH+'float/emotion_faceapi.onnx'); given=sess(SH+'expression/expression.onnx')
FA=["neutral","happy","sad","angry","fear","disgust","surprise"]; fo=[FA.index(k) for k in L]
def up(x,n): return np.stack([cv2.resize(p,(n,n),interpolation=cv2.INTER_LINEAR) for p in x]).astype(np.float32)
lg=lambda p: np.log(np.maximum(p,1e-9))
def one(s,x): 
    n=s.get_inputs()[0].name
    return np.concatenate([s.run(None,{n:p[None]})[0] for p in x])
def judge(x):
    """x: n,48,48 uint8 -> n,4,7 log p: given, big, face-api, fer"""
    u=up(x,64)[:,None]/127.5-1
    out=np.empty((len(x),4,7),np.float32)
    out[:,0]=lg(one(given,((x.astype(np.float32)-127.5)/127.5)[:,None]))
    with torch.no_grad(): out[:,1]=big(torch.from_numpy(u)).numpy()
    out[:,2]=lg(one(fa,np.repeat(up(x,112)[:,None],3,1)))[:,fo]
    out[:,3]=lg(one(fer,u))
    return out
if __name__=='__main__':
    import time
    which,name,views=sys.argv[1],sys.argv[2],int(sys.argv[3])
    z=np.load(SH+'expression/faces48.npz'); x=z[name]; t=time.time(); c=time.process_time()
    k=1 if which=='big' else 3
    res=np.empty((len(x),views,k,7),np.float32)
    for i in range(0,len(x),100):
        for v in range(views):
            b=x[i:i+100] if v==0 else np.ascontiguousarray(x[i:i+100,:,::-1])
            u=up(b,64)[:,None]/127.5-1
            if k==1:
                with torch.no_grad(): res[i:i+100,v,0]=big(torch.from_numpy(u)).numpy()
            else:
                res[i:i+100,v,0]=lg(one(given,((b.astype(np.float32)-127.5)/127.5)[:,None]))
                res[i:i+100,v,1]=lg(one(fa,np.repeat(up(b,112)[:,None],3,1)))[:,fo]
                res[i:i+100,v,2]=lg(one(fer,u))
        if i%500==0: print(which,name,i,round(time.time()-t),round(time.process_time()-c,1),flush=True)
    np.save(f'teach_{which}_{name}.npy',res)
